from __future__ import annotations

from typing import Any

import numpy as np

from ..metrics import DIMENSION_K, K
from . import Calls, Package, Peer

PACKAGE = Package("faiss-cpu", "1.15.1", note="its exact search, the rest in NumPy")


def _mutual_knn() -> Calls:
    import faiss

    def prepare(x: Any) -> Any:
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        index = faiss.IndexFlatIP(unit.shape[1])
        index.add(unit)
        found = index.search(unit, K + 1)[1]
        rows = np.arange(len(x))[:, None]
        # The row itself comes first, unless another is its repetition.
        others = np.argsort(found == rows, 1, kind="stable")[:, :K]
        return np.take_along_axis(found, others, 1)

    return Calls(lambda a, b: (a[:, :, None] == b[:, None, :]).sum() / a.size, prepare)


def _far(x: Any, k: int) -> Any:
    import faiss

    rows = x - x.mean(0)
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return np.sqrt(np.maximum(index.search(rows, k + 1)[0][:, 1:], 0))


def _twonn() -> Calls:
    import faiss  # noqa: F401

    def score(x: Any) -> Any:
        far = _far(x, 2)
        logs = np.sort(np.log(far[:, 1] / far[:, 0]))
        n, used = len(logs), len(logs) * 9 // 10
        up = -np.log(1 - np.arange(1, used + 1) / n)
        return logs[:used] @ up / (logs[:used] @ logs[:used])

    return Calls(score)


def _mle() -> Calls:
    import faiss  # noqa: F401

    def score(x: Any) -> Any:
        far = _far(x, DIMENSION_K)
        return 1 / np.log(far[:, -1:] / far[:, :-1]).mean()

    return Calls(score)


PEERS = (
    Peer(PACKAGE, "mutual_knn", "cosine, tables kept", _mutual_knn),
    Peer(PACKAGE, "intrinsic_dimension_twonn", "IndexFlatL2", _twonn),
    Peer(PACKAGE, "intrinsic_dimension", "IndexFlatL2, harmonic mean", _mle),
)
