from __future__ import annotations

from . import Calls, Package, Peer


def _load() -> Calls:
    import torch
    from fastwonn import twonn_id

    return Calls(twonn_id, convert=torch.from_numpy)


PEERS = (Peer(Package("fastwonn", "0.0.9"), "intrinsic_dimension_twonn", "cdist and topk", _load),)
