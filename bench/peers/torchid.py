from __future__ import annotations

from ..metrics import DIMENSION_K
from . import Calls, Package, Peer

# It requires Python 3.13, but its code runs on 3.11.
PACKAGE = Package(
    "torchid", "0.5.1", pip=("--ignore-requires-python",), note="installed in spite of its requirement of Python 3.13"
)


def _twonn() -> Calls:
    import torch
    from torchid.functional import twonn_id

    return Calls(twonn_id, convert=torch.from_numpy)


def _mle() -> Calls:
    import torch
    from torchid.functional import mle_id

    return Calls(lambda x: mle_id(x, n_neighbors=DIMENSION_K), convert=torch.from_numpy)


PEERS = (
    Peer(PACKAGE, "intrinsic_dimension_twonn", "empirical distribution starts at 0", _twonn),
    Peer(PACKAGE, "intrinsic_dimension", "harmonic mean", _mle),
)
