from __future__ import annotations

from . import Calls, Package, Peer

PACKAGE = Package("repralign", "0.1.1")


def _cka() -> Calls:
    import torch
    from repralign.metrics import linear_cka

    return Calls(linear_cka, convert=torch.from_numpy)


def _cknna() -> Calls:
    import torch
    from repralign.metrics import cknna

    from ..metrics import K

    return Calls(lambda a, b: cknna(a, b, k=K), convert=torch.from_numpy)


PEERS = (
    Peer(PACKAGE, "cka_biased", "D x D products", _cka),
    Peer(PACKAGE, "mutual_knn", "Euclidean; its name for it is cknna", _cknna, exact=False),
)
