from __future__ import annotations

from typing import Any

import numpy as np

from . import Calls, Package, Peer

PACKAGE = Package("scipy", "1.17.1")


def _procrustes() -> Calls:
    from scipy.spatial import procrustes

    def score(a: Any, b: Any) -> Any:
        width = max(a.shape[1], b.shape[1])
        a, b = (np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in (a, b))
        return 2 - 2 * np.sqrt(1 - procrustes(a, b)[2])

    return Calls(score)


def _rsa() -> Calls:
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    return Calls(lambda a, b: spearmanr(a, b).statistic, pdist)


PEERS = (
    Peer(PACKAGE, "procrustes", "from its disparity, zero-padded, float64", _procrustes),
    Peer(PACKAGE, "rsa", "pdist kept, spearmanr", _rsa),
)
