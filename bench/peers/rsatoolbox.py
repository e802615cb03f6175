from __future__ import annotations

from typing import Any

import numpy as np

from . import Calls, Package, Peer


def _load() -> Calls:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    def prepare(x: Any) -> Any:
        return calc_rdm(x, method="euclidean")

    return Calls(lambda a, b: compare(a, b, method="spearman"), prepare, lambda x: Dataset(x.astype(np.float64)))


PEERS = (Peer(Package("rsatoolbox", "0.3.2"), "rsa", "squared distances, which have the same ranks; RDMs kept", _load),)
