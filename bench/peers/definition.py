"""The float64 definitions, timed like a peer: the cost of plain NumPy."""

from __future__ import annotations

import functools

import numpy as np

from . import Calls, Package, Peer

PACKAGE = Package("numpy", "", environment="hyle", note="the float64 definitions of bench/definitions.py")


def _load(metric: str) -> Calls:
    from ..definitions import DEFINITIONS

    return Calls(DEFINITIONS[metric], convert=lambda x: x.astype(np.float64))


def _peers() -> tuple[Peer, ...]:
    from ..metrics import METRICS

    return tuple(
        Peer(PACKAGE, metric, "float64, full matrices", functools.partial(_load, metric), name="definition")
        for metric in METRICS
        if metric != "reconstruction_error"
    )


PEERS = _peers()
