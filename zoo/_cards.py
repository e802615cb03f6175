"""Model cards: what a model is, where its weights come from and what it needs, as data."""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
import platform
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

Modality = Literal["string", "graph", "atoms", "protein", "text", "control"]
State = Literal["runs", "needs-environment", "needs-weights", "no-loader"]


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
    def origin(self) -> str:
        """Where they come from: a carrier, a package, a repository and its commit, the web, or a folder."""
        near = self.carrier or self.package or self.url
        return near or (f"{self.hub}@{self._commit()}" if self.hub else self.folder)

    @property
    def remote(self) -> bool:
        """Whether they lie on a hub or on the web, and not in packages."""
        return bool(self.hub or self.url)

    @property
    def version(self) -> str:
        """The first 16 hex digits that name these weights: of the hashes of all files, or of the commit on the hub."""
        import hashlib

        from ._urls import expected

        hashes = expected(self).values() if self.url else [sha for _, sha in self.files.values()]
        text = self._commit() if self.hub else "".join(sorted(hashes))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _commit(self) -> str:
        from ._hub import cached_commit

        return self.revision or cached_commit(self) or "newest"


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
        panel: whether it stands in the default panel of ``hyle run``, where the samples have its view.
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
    panel: bool = False
    reason: str = ""
    study: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Whether the model runs in this process, or what it lacks."""
        if self.reason:
            return "no-loader"
        if self.missing():
            from ._environments import Environment

            if not Environment.of(self).complete:
                return "needs-environment"
        return "runs" if self.weights is None or not self.weights.remote or self._cached() else "needs-weights"

    def _cached(self) -> bool:
        from ._hub import cached_files
        from ._urls import cached_urls

        assert self.weights is not None
        return (cached_files if self.weights.hub else cached_urls)(self.weights) is not None

    def missing(self) -> list[str]:
        """Return the requirements that this process does not satisfy, torch among them."""
        from packaging.specifiers import SpecifierSet

        wanted = [*self.requirements, *self.no_deps]
        if self.weights is not None and self.torch:
            wanted.insert(0, "torch")
        lacks = [text for text in wanted if not _installed(text)]
        if platform.python_version() not in SpecifierSet(self.python):
            lacks.append(f"python{self.python}")
        return lacks

    def install_command(self) -> str:
        """Return the shell line that makes this model run here, in an environment of its own."""
        return f"hyle envs build {self.name}"

    def fetch_command(self) -> str | None:
        """Return the shell line that fetches weights from a hub or the web, or None where they lie in packages."""
        return f"hyle fetch {self.name}" if self.weights is not None and self.weights.remote else None


def _table(text: str, others: Mapping[str, str]) -> dict[str, Any]:
    table = tomllib.loads(text)
    base = table.pop("base", None)
    if base is None:
        return table
    below = _table(others[base], others)
    for own in ("panel", "study", "reason"):  # which stand for one model
        below.pop(own, None)
    return _merged(below, table)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return {**below, **above, **both}


def _named(files: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (file["member"], file["sha256"]) for name, file in files.items()}


def _listed(name: str) -> dict[str, tuple[str, str]]:
    """Read many files from a listing beside the cards, in the form of sha256sum; they keep their paths as names."""
    text = (resources.files(__package__) / "cards" / name).read_text("utf-8")
    pairs = [line.split(maxsplit=1) for line in text.splitlines()]
    return {path: (path, sha256) for sha256, path in pairs}


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
        text: the card; with `base = "NAME"` it says only what differs from that one. Instead of `files` its weights
            may name a `listing` of many files, in the form of sha256sum.
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
            listing = weights.pop("listing", None)
            files = _listed(listing) if listing else _named(weights.pop("files"))
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
    """Return the card of every model, by modality, then by name, those of other packages and registered ones as well.

    Reads cards only: no model library is imported.
    """
    from ._registered import registered

    known = {**registered(), **shipped_cards()}
    return sorted(known.values(), key=lambda card: (ORDER.index(card.modality), card.name))


def shipped_cards() -> dict[str, ModelCard]:
    """Name -> card of the models of hyle and of installed packages."""
    return {**_cards(), **_added()}


@functools.cache
def _added() -> Mapping[str, ModelCard]:
    from ._own import entry_points, own_card

    found = {}
    for name, path in entry_points().items():
        try:
            found[name] = own_card(path, name)
        except ValueError as error:  # one broken package must not hide all models
            warnings.warn(f"the model {name}, which an installed package adds, is left out: {error}", stacklevel=2)
    return found


def find_card(name: str, *, notify: Callable[[str], None] | None = None) -> ModelCard:
    """Return the card of one model.

    Args:
        name: of a card; ``module:Class``, an adapter of the user; ``hf:organisation/name`` or ``hf:./folder``, an
            encoder or decoder of transformers.
        notify: called with one line before anything is downloaded, which only a model of the hub needs.

    Raises:
        ValueError: no such model; names the closest. One that nothing can load; says why.
    """
    from ._hub import PREFIX, hub_card
    from ._own import is_own, own_card
    from ._registered import registered

    cards = {**registered(), **shipped_cards()}
    if name in cards:
        if cards[name].reason:
            raise ValueError(f"{name} has a card alone, for nothing can load it here: {cards[name].reason}")
        return cards[name]

    if name.startswith(PREFIX):
        return hub_card(name, notify=notify)
    if is_own(name):
        return own_card(name)
    raise ValueError(f"no model is called {name!r}{did_you_mean(name, cards)} `hyle models` lists them all.")


def did_you_mean(word: str, words: Mapping[str, Any] | Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a full stop where nothing is close."""
    close = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."
