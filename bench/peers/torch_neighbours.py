"""Ten careful lines of torch, each model prepared once: neighbour metrics, intrinsic dimensions, ranks."""

from __future__ import annotations

import functools
from typing import Any

from ..metrics import DIMENSION_K, K
from . import Calls, Peer
from .torch_kernels import PACKAGE, on_device


def _unit(x: Any) -> Any:
    return x / x.norm(dim=1, keepdim=True)


def _nearest(x: Any) -> Any:
    unit = _unit(x)
    similarity = (unit @ unit.T).fill_diagonal_(-2)
    return similarity.topk(K, 1).indices.int()


def _mutual_knn() -> Calls:
    def score(a: Any, b: Any) -> Any:
        return (a[:, :, None] == b[:, None, :]).sum() / a.numel()

    return Calls(score, _nearest, on_device)


def _cknna() -> Calls:
    import torch

    def hsic(k: Any, l: Any) -> Any:  # noqa: E741
        n = len(k)
        third = 2 * (k.sum(0) @ l.sum(1)) / (n - 2)
        return ((k * l.T).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2)) - third) / (n * (n - 3))

    def prepare(x: Any) -> Any:
        unit = _unit(x)
        kernel = unit @ unit.T
        index = kernel.clone().fill_diagonal_(-2).topk(K, 1).indices
        kept = torch.zeros_like(kernel).scatter_(1, index, kernel.gather(1, index))
        return kept, hsic(kept, kept).sqrt()

    def score(a: Any, b: Any) -> Any:
        return hsic(a[0] * (b[0] != 0), b[0] * (a[0] != 0)) / (a[1] * b[1])

    return Calls(score, prepare, on_device)


def _information_imbalance() -> Calls:
    import torch

    def prepare(x: Any) -> Any:
        rows = x - x.mean(0)
        order = torch.cdist(rows, rows).fill_diagonal_(-1).argsort(1)
        steps = torch.arange(len(x), dtype=torch.int32, device=x.device).expand(len(x), -1)
        ranks = torch.empty_like(order, dtype=torch.int32).scatter_(1, order, steps)
        return order[:, 1:2].clone(), ranks

    def score(a: Any, b: Any) -> Any:
        return [2 * q[1].gather(1, p[0]).float().mean() / len(p[0]) for p, q in ((a, b), (b, a))]

    return Calls(score, prepare, on_device)


def _distances(x: Any, k: int) -> Any:
    import torch

    rows = x - x.mean(0)
    return torch.cdist(rows, rows).topk(k + 1, 1, largest=False).values[:, 1:]


def _twonn(x: Any) -> Any:
    import torch

    distances = _distances(x, 2)
    logs = (distances[:, 1] / distances[:, 0]).log().sort().values
    n, used = len(logs), len(logs) * 9 // 10
    target = -torch.log1p(-torch.arange(1, used + 1, device=x.device) / n)
    return logs[:used] @ target / (logs[:used] @ logs[:used])


def _mle(x: Any) -> Any:
    distances = _distances(x, DIMENSION_K)
    return 1 / (distances[:, -1:] / distances[:, :-1]).log().mean()


def _dimension(score: Any) -> Calls:
    import torch  # noqa: F401

    return Calls(score, convert=on_device)


def _id_correlation() -> Calls:
    import torch

    def prepare(x: Any) -> Any:
        rows = (x - x.mean(0)) / x.std(0)
        return rows, _twonn(rows)

    def score(a: Any, b: Any) -> Any:
        return (a[1] + b[1] - _twonn(torch.cat([a[0], b[0]], 1))) / torch.maximum(a[1], b[1])

    return Calls(score, prepare, on_device)


def _rsa() -> Calls:
    import torch

    def prepare(x: Any) -> Any:
        rows = x - x.mean(0)
        distances = torch.cdist(rows, rows)[tuple(torch.triu_indices(len(x), len(x), 1, device=x.device))]
        order = distances.argsort()
        steps = torch.arange(len(order), dtype=torch.float32, device=x.device)
        ranks = torch.empty_like(distances).scatter_(0, order, steps)
        ranks -= ranks.double().mean().float()
        return ranks.div_(ranks.double().norm().float())

    return Calls(lambda a, b: a @ b, prepare, on_device)


def _peer(metric: str, variant: str, load: Any, *options: Any) -> Peer:
    return Peer(PACKAGE, metric, variant, functools.partial(load, *options), name="torch, by hand")


PEERS = (
    _peer("mutual_knn", "cosine, topk, tables kept", _mutual_knn),
    _peer("cknna", "debiased, masked N x N kernels kept", _cknna),
    _peer("information_imbalance", "argsort of N x N, ranks kept", _information_imbalance),
    _peer("intrinsic_dimension_twonn", "cdist and topk", _dimension, _twonn),
    _peer("intrinsic_dimension", "harmonic mean, cdist and topk", _dimension, _mle),
    _peer("id_correlation", "TwoNN, marginals kept", _id_correlation),
    _peer("rsa", "argsort of the distances, ranks kept", _rsa),
)
