from __future__ import annotations

from ..metrics import DIMENSION_K
from . import Calls, Package, Peer

PACKAGE = Package("intrinsics-dimension", "0.1.0")


def _twonn() -> Calls:
    import torch
    from intrinsics_dimension import twonn_pytorch

    return Calls(twonn_pytorch, convert=torch.from_numpy)


def _mle() -> Calls:
    import torch
    from intrinsics_dimension import mle_id

    return Calls(lambda x: mle_id(x, k=DIMENSION_K), convert=torch.from_numpy)


PEERS = (
    Peer(PACKAGE, "intrinsic_dimension_twonn", "no ratio excluded", _twonn, exact=False),
    Peer(PACKAGE, "intrinsic_dimension", "harmonic mean", _mle),
)
