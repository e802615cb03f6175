"""What a peer is, as data; each file here holds the peers of one package, listed as ``PEERS``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Package:
    """A package of a registry, and how it gets into an environment of the bench.

    Args:
        name: as on the registry.
        version: exactly.
        environment: folder under ``bench/.envs``; ``hyle`` is the Python that runs the bench.
        pip: options of `pip install` that it needs.
        extra: further requirements that its own metadata forgets.
        note: what a reader of the table must know.
    """

    name: str
    version: str
    environment: str = "peers"
    pip: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Calls:
    """How a peer is called, from the moment its packages are imported.

    Args:
        score: (a, b) of two prepared models for a pair metric, (a) for a single one; a number, or one each way.
        prepare: what is done once per model, timed: centring, a Gram matrix, a neighbour table.
        convert: NumPy [n, d] to the arrays that the peer takes, not timed.
        batch: all models at once, in place of the two above, where the peer has such a call.
    """

    score: Callable[..., Any]
    prepare: Callable[[Any], Any] = same
    convert: Callable[[Any], Any] = same
    batch: Callable[[list[Any]], Any] | None = None


@dataclass(frozen=True)
class Peer:
    """One metric of one package.

    Args:
        package: where it comes from.
        metric: a name of `bench.metrics`.
        variant: what its value is, and how it gets there.
        load: imports the package and returns the calls; what it raises is the reason for which the peer is skipped.
        name: in the table; the package's where empty.
        exact: whether the value is meant to equal the definition; another estimator or convention is not an error.
    """

    package: Package
    metric: str
    variant: str
    load: Callable[[], Calls]
    name: str = ""
    exact: bool = True

    @property
    def label(self) -> str:
        return self.name or self.package.name

    @property
    def key(self) -> str:
        return f"{self.label}/{self.metric}"


def load_peers() -> dict[str, Peer]:
    """Return every peer by key; importing them imports none of their packages."""
    found: dict[str, Peer] = {}
    for module in pkgutil.iter_modules(__path__):
        for peer in importlib.import_module(f"{__name__}.{module.name}").PEERS:
            if peer.key in found:
                raise ValueError(f"two peers are called {peer.key!r}: give one of them a name")
            found[peer.key] = peer
    return found
