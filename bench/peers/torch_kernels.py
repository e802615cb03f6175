"""Ten careful lines of torch, each model prepared once: CKA, distance correlation, Procrustes, bare Gram product."""

from __future__ import annotations

import functools
import os
from typing import Any

from . import Calls, Package, Peer

PACKAGE = Package("torch", "2.13.0", note="written for the bench")


def on_device(x: Any) -> Any:
    """Convert NumPy rows to torch, on the GPU if this process measures it."""
    import torch

    tensor = torch.from_numpy(x)
    if os.environ.get("BENCH_DEVICE") != "gpu":
        return tensor
    dtype = os.environ.get("BENCH_DTYPE")
    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    return tensor.to("cuda", torch.bfloat16 if dtype == "bfloat16" else torch.float32).float()


def _centred(x: Any) -> Any:
    return x - x.mean(0)


def _feature_space(debiased: bool) -> Calls:
    def product(a: Any, b: Any) -> Any:
        total = (a.T @ b).square().sum()
        if not debiased:
            return total
        n = len(a)
        k, l = a.square().sum(1), b.square().sum(1)  # noqa: E741
        # Centred rows sum to zero, so the row sums of a kernel without its diagonal follow from the diagonal.
        inner = k @ l
        return (total - inner + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * inner / (n - 2)) / (n * (n - 3))

    def prepare(x: Any) -> Any:
        rows = _centred(x)
        return rows, product(rows, rows).sqrt()

    def score(a: Any, b: Any) -> Any:
        return product(a[0], b[0]) / (a[1] * b[1])

    return Calls(score, prepare, on_device)


def double_centred(k: Any) -> Any:
    means = k.mean(0)
    return k.sub_(means).sub_(means[:, None]).add_(means.mean())


def u_centred(k: Any) -> Any:
    n = len(k)
    k.fill_diagonal_(0)
    sums = k.sum(0)
    k.sub_(sums / (n - 2)).sub_(sums[:, None] / (n - 2)).add_(sums.sum() / ((n - 1) * (n - 2)))
    return k.fill_diagonal_(0)


def _by_matrix(matrix: Any, centre: Any, root: bool) -> Calls:
    def prepare(x: Any) -> Any:
        rows = centre(matrix(x))
        return rows.div_(rows.norm()).ravel()

    def score(a: Any, b: Any) -> Any:
        return (a @ b).sqrt() if root else a @ b

    return Calls(score, prepare, on_device)


def _rbf(x: Any) -> Any:
    import torch

    squared = torch.cdist(_centred(x), _centred(x)).square_()
    upper = squared[tuple(torch.triu_indices(len(x), len(x), 1, device=x.device))]
    return squared.mul_(-0.5 / upper.median()).exp_()


def _distances(x: Any) -> Any:
    import torch

    return torch.cdist(_centred(x), _centred(x)).fill_diagonal_(0)


def _matrix_peer(kind: str, debiased: bool) -> Calls:
    import torch  # noqa: F401

    matrix = _rbf if kind == "rbf" else _distances
    return _by_matrix(matrix, u_centred if debiased else double_centred, kind != "rbf" and not debiased)


def _procrustes() -> Calls:
    import torch

    def prepare(x: Any) -> Any:
        return _centred(x) / _centred(x).norm()

    return Calls(lambda a, b: 2 - 2 * torch.linalg.svdvals(a.T @ b).sum(), prepare, on_device)


def _gram() -> Calls:
    return Calls(lambda x: (x @ x.T)[0, 0], convert=on_device)


def _peer(metric: str, variant: str, load: Any, *options: Any, name: str = "torch, by hand") -> Peer:
    return Peer(PACKAGE, metric, variant, functools.partial(load, *options), name=name)


PEERS = (
    _peer("cka_biased", "D x D products", _feature_space, False, name="torch, feature space"),
    _peer("cka", "D x D products and diagonals", _feature_space, True, name="torch, feature space"),
    _peer("cka_rbf_biased", "Grams kept, lower median", _matrix_peer, "rbf", False),
    _peer("cka_rbf", "Grams kept, lower median", _matrix_peer, "rbf", True),
    _peer("distance_correlation_biased", "centred distances kept", _matrix_peer, "distance", False),
    _peer("distance_correlation", "centred distances kept", _matrix_peer, "distance", True),
    _peer("procrustes", "singular values of x'y", _procrustes),
    _peer("gram", "one x @ x.T per model", _gram, name="torch"),
)
