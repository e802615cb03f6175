from __future__ import annotations

from typing import Any

import numpy as np

from ..metrics import DIMENSION_K, K
from . import Calls, Package, Peer

PACKAGE = Package("faiss-cpu", "1.15.1", note="its exact search; the rest is NumPy")


def _mutual_knn() -> Calls:
    import faiss

    def prepare(x: Any) -> Any:
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        index = faiss.IndexFlatIP(unit.shape[1])
        index.add(unit)
        indices = index.search(unit, K + 1)[1]
        rows = np.arange(len(x))[:, None]
        # Remove the row itself, which comes first unless it has a duplicate.
        kept = np.argsort(indices == rows, 1, kind="stable")[:, :K]
        return np.take_along_axis(indices, kept, 1)

    return Calls(lambda a, b: (a[:, :, None] == b[:, None, :]).sum() / a.size, prepare)


def _distances(x: Any, k: int) -> Any:
    import faiss

    rows = x - x.mean(0)
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return np.sqrt(np.maximum(index.search(rows, k + 1)[0][:, 1:], 0))


def _twonn() -> Calls:
    import faiss  # noqa: F401

    def score(x: Any) -> Any:
        distances = _distances(x, 2)
        logs = np.sort(np.log(distances[:, 1] / distances[:, 0]))
        n, used = len(logs), len(logs) * 9 // 10
        target = -np.log(1 - np.arange(1, used + 1) / n)
        return logs[:used] @ target / (logs[:used] @ logs[:used])

    return Calls(score)


def _mle() -> Calls:
    import faiss  # noqa: F401

    def score(x: Any) -> Any:
        distances = _distances(x, DIMENSION_K)
        return 1 / np.log(distances[:, -1:] / distances[:, :-1]).mean()

    return Calls(score)


PEERS = (
    Peer(PACKAGE, "mutual_knn", "cosine, tables kept", _mutual_knn),
    Peer(PACKAGE, "intrinsic_dimension_twonn", "IndexFlatL2", _twonn),
    Peer(PACKAGE, "intrinsic_dimension", "IndexFlatL2, harmonic mean", _mle),
)
