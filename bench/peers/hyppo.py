from __future__ import annotations

import functools

import numpy as np

from . import Calls, Package, Peer

PACKAGE = Package("hyppo", "0.5.2")


def _load(bias: bool) -> Calls:
    from hyppo.independence import Dcorr

    return Calls(Dcorr(bias=bias).statistic, convert=lambda x: x.astype(np.float64))


PEERS = (
    Peer(PACKAGE, "distance_correlation_biased", "float64", functools.partial(_load, True)),
    Peer(PACKAGE, "distance_correlation", "float64", functools.partial(_load, False)),
)
