from __future__ import annotations

import functools

import numpy as np

from . import Calls, Package, Peer

PACKAGE = Package("dcor", "0.7")


def _load(name: str) -> Calls:
    import dcor

    return Calls(getattr(dcor, name), convert=lambda x: x.astype(np.float64))


PEERS = (
    Peer(
        PACKAGE,
        "distance_correlation_biased",
        "float64, N x N x D in memory",
        functools.partial(_load, "distance_correlation"),
    ),
    Peer(
        PACKAGE,
        "distance_correlation",
        "float64, N x N x D in memory",
        functools.partial(_load, "u_distance_correlation_sqr"),
    ),
)
