from __future__ import annotations

from typing import Any

from . import Calls, Package, Peer


def _load() -> Calls:
    import torch
    from cka.cka import cka_from_features

    def score(a: Any, b: Any) -> Any:
        return cka_from_features(a, b)

    return Calls(score, convert=torch.from_numpy, batch=lambda arrays: cka_from_features(arrays, arrays))


PEERS = (Peer(Package("pytorch-cka", "1.1.3"), "cka", "debiased, clamped to [0, 1]; all pairs in one call", _load),)
