from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import Calls, Package, Peer

# It takes a list of any length, but is called with two models at a time, because sixteen take hours.
PACKAGE = Package("repsim", "0.1.5", note="single-threaded C++, called pair by pair")


def _load(kernel: str, estimator: str) -> Calls:
    import repsim

    def score(a: Any, b: Any) -> Any:
        return repsim.cka([a, b], kernel_type=kernel, estimator=estimator)[0, 1]

    return Calls(score, convert=lambda x: x.astype(np.float64))


def _peer(metric: str, kernel: str, estimator: str) -> Peer:
    return Peer(PACKAGE, metric, f"estimator {estimator}, float64", functools.partial(_load, kernel, estimator))


PEERS = (
    _peer("cka_biased", "linear", "gretton"),
    _peer("cka", "linear", "song"),
    _peer("cka_rbf_biased", "rbf", "gretton"),
    _peer("cka_rbf", "rbf", "song"),
)
