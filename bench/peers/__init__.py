"""The peers as data; each file of this folder lists the peers of one package as ``PEERS``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def identity(value: Any) -> Any:
    """Return the value unchanged."""
    return value


@dataclass(frozen=True)
class Package:
    """A package of the package index, and how it is installed into an environment of the benchmark.

    Args:
        name: name on the package index.
        version: the exact version.
        environment: folder under ``bench/.envs``; ``hyle`` is the Python that runs the benchmark.
        pip: options of `pip install` that it needs.
        extra: requirements that its metadata does not declare.
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
    """The functions of a peer, once its packages are imported.

    Args:
        score: function of two prepared models for a pair metric, of one for a metric of one model; returns a number, or
            one number for each direction.
        prepare: what is computed once per model, and timed: centring, a Gram matrix, a neighbour table.
        convert: converts NumPy [n, d] to the arrays that the peer takes; not timed.
        batch: function of all models at once, used instead of `prepare` and `score` if the peer has one.
    """

    score: Callable[..., Any]
    prepare: Callable[[Any], Any] = identity
    convert: Callable[[Any], Any] = identity
    batch: Callable[[list[Any]], Any] | None = None


@dataclass(frozen=True)
class Peer:
    """One metric of one package.

    Args:
        package: the package.
        metric: a name in `bench.metrics.METRICS`, ``study`` or ``gram``.
        variant: which estimator it computes, and how.
        load: imports the package and returns the calls; if it raises, the message is the reason for skipping the peer.
        name: name in the table; the name of the package by default.
        exact: whether the value should equal the definition; False for another estimator or convention.
    """

    package: Package
    metric: str
    variant: str
    load: Callable[[], Calls]
    name: str = ""
    exact: bool = True

    @property
    def label(self) -> str:
        """The name in the table."""
        return self.name or self.package.name

    @property
    def key(self) -> str:
        """The unique name, LABEL/METRIC."""
        return f"{self.label}/{self.metric}"


def load_peers() -> dict[str, Peer]:
    """Return every peer by its key; none of their packages is imported."""
    peers: dict[str, Peer] = {}
    for module in pkgutil.iter_modules(__path__):
        for peer in importlib.import_module(f"{__name__}.{module.name}").PEERS:
            if peer.key in peers:
                raise ValueError(f"two peers are called {peer.key!r}: set the name of one of them")
            peers[peer.key] = peer
    return peers
