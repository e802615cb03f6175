from __future__ import annotations

import functools
from typing import Any

from . import Calls, Package, Peer

PACKAGE = Package("ckatorch", "1.0.3")


def _load(kernel: str, unbiased: bool) -> Calls:
    import torch
    from ckatorch.core import cka_base

    def score(a: Any, b: Any) -> Any:
        return cka_base(a, b, kernel=kernel, unbiased=unbiased, method="fro_norm")

    return Calls(score, convert=torch.from_numpy)


def _peer(metric: str, variant: str, kernel: str, unbiased: bool) -> Peer:
    return Peer(PACKAGE, metric, variant, functools.partial(_load, kernel, unbiased))


PEERS = (
    _peer("cka_biased", "Grams in float64", "linear", False),
    _peer("cka", "Grams in float64", "linear", True),
    _peer("cka_rbf_biased", "Grams in float64, median of all N² distances", "rbf", False),
    _peer("cka_rbf", "Grams in float64, median of all N² distances", "rbf", True),
)
