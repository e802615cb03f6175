from __future__ import annotations

from typing import Any

from ..metrics import DIMENSION_K, GRIDE_ORDER
from . import Calls, Package, Peer

PACKAGE = Package("scikit-dimension", "0.5.0")


def _twonn() -> Calls:
    from skdim.id import TwoNN

    return Calls(lambda x: TwoNN().fit(x).dimension_)


def _mle() -> Calls:
    from skdim.id import MLE

    return Calls(lambda x: MLE().fit(x, n_neighbors=DIMENSION_K, comb="mle").dimension_)


def _gride() -> Calls:
    from skdim.id import GRIDE

    return Calls(lambda x: GRIDE(n1=GRIDE_ORDER).fit(x).dimension_)


def _id_correlation() -> Calls:
    import numpy as np
    from skdim.id import TwoNN

    def prepare(x: Any) -> Any:
        rows = (x - x.mean(0)) / x.std(0, ddof=1)
        return rows, TwoNN().fit(rows).dimension_

    def score(a: Any, b: Any) -> Any:
        joint = TwoNN().fit(np.concatenate([a[0], b[0]], 1)).dimension_
        return (a[1] + b[1] - joint) / max(a[1], b[1])

    return Calls(score, prepare)


PEERS = (
    Peer(PACKAGE, "intrinsic_dimension_twonn", "full sort of each row", _twonn),
    Peer(PACKAGE, "intrinsic_dimension", "harmonic mean, loop over points", _mle),
    Peer(PACKAGE, "intrinsic_dimension_gride", "one scale", _gride),
    Peer(PACKAGE, "id_correlation", "three of its TwoNN, marginals kept", _id_correlation),
)
