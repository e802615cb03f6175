from __future__ import annotations

from typing import Any

import numpy as np

from ..metrics import GRIDE_ORDER, K
from . import Calls, Package, Peer

# It pins NumPy below 2 and an old JAX, so it needs a separate environment.
PACKAGE = Package("dadapy", "0.3.4", environment="dadapy")


def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def _information_imbalance() -> Calls:
    from dadapy import MetricComparisons

    def score(a: Any, b: Any) -> Any:
        values = MetricComparisons(coordinates=a, maxk=1).return_information_imbalace(b, k=1, subset_size=len(a))
        return [float(value[0]) for value in values]

    return Calls(score, convert=_wide)


def _overlap() -> Calls:
    from dadapy import MetricComparisons

    def prepare(x: Any) -> Any:
        data = MetricComparisons(coordinates=x, maxk=K)
        data.compute_distances()
        return data

    return Calls(lambda a, b: a.return_data_overlap(dist_indices=b.dist_indices, k=K), prepare, _wide)


def _twonn() -> Calls:
    from dadapy import IdEstimation

    return Calls(lambda x: IdEstimation(coordinates=x, maxk=2).compute_id_2NN()[0], convert=_wide)


def _gride() -> Calls:
    from dadapy import IdEstimation

    scale = int(np.log2(GRIDE_ORDER))

    def score(x: Any) -> Any:
        data = IdEstimation(coordinates=x, maxk=2 * GRIDE_ORDER)
        return data.return_id_scaling_gride(range_max=2 * GRIDE_ORDER)[0][scale]

    return Calls(score, convert=_wide)


PEERS = (
    Peer(PACKAGE, "information_imbalance", "all N points, ranks computed for each pair", _information_imbalance),
    Peer(PACKAGE, "mutual_knn", "Euclidean, tables kept", _overlap, exact=False),
    Peer(PACKAGE, "intrinsic_dimension_twonn", "fit", _twonn),
    Peer(PACKAGE, "intrinsic_dimension_gride", "all scales to 16/32", _gride),
)
