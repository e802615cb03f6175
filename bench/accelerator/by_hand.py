"""What a careful user writes in plain torch, in blocks of rows: the metrics that the engine is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..metrics import K

BLOCK, SAMPLED = 2048, 2000


def find_torch() -> tuple[str, str]:
    """Return torch's name of the device on which JAX computes, or an empty string and the reason."""
    import jax

    try:
        import torch
    except ImportError:
        return "", "torch is not installed"
    platform = jax.default_backend()
    if platform == "cpu":
        return "cpu", ""
    if platform != "gpu":
        return "", f"torch does not compute on JAX's {platform}"
    return ("cuda", "") if torch.cuda.is_available() else ("", f"torch {torch.__version__} finds no CUDA")


def linear_cka(models: Sequence[Any]) -> Any:
    """Return the biased linear CKA [m, m] from Gram matrices."""
    import torch

    centred = [x - x.mean(0) for x in models]
    total = torch.zeros(len(models), len(models), dtype=torch.float64, device=models[0].device)
    for rows in _blocks(len(models[0])):
        # Grams of centred rows are centred.
        total += _inner([x[rows] @ x.T for x in centred])
    return _cosines(total)


def rbf_cka(models: Sequence[Any]) -> Any:
    """Return the biased RBF CKA [m, m], with the median distance of some rows as bandwidth."""
    import torch

    n, m = len(models[0]), len(models)
    widths = [torch.nn.functional.pdist(x[:SAMPLED]).median() for x in models]
    total = torch.zeros(m, m, dtype=torch.float64, device=models[0].device)
    means = []
    for rows in _blocks(n):
        kernels = [
            torch.exp(-0.5 * (torch.cdist(x[rows], x) / width) ** 2) for x, width in zip(models, widths, strict=True)
        ]
        total += _inner(kernels)
        means.append(torch.stack([kernel.double().mean(1) for kernel in kernels]))
    mean = torch.cat(means, 1)
    everywhere = mean.mean(1)
    return _cosines(total - 2 * n * mean @ mean.T + n * n * everywhere[:, None] * everywhere)


def mutual_knn(models: Sequence[Any]) -> Any:
    """Return the share of common neighbours [m, m], by cosine."""
    import torch

    tables = []
    for x in models:
        unit, found = torch.nn.functional.normalize(x), []
        for rows in _blocks(len(x)):
            similarity = unit[rows] @ unit.T
            similarity[torch.arange(len(similarity)), torch.arange(len(x))[rows]] = -2
            found.append(similarity.topk(K).indices)
        tables.append(torch.cat(found))
    shares = [[(a[:, :, None] == b[:, None]).any(2).double().mean() for b in tables] for a in tables]
    return torch.stack([torch.stack(row) for row in shares])


# By the names of the same metrics in the engine.
BY_HAND: dict[str, Callable[[Sequence[Any]], Any]] = {
    "cka_biased": linear_cka,
    "cka_rbf_biased": rbf_cka,
    "mutual_knn": mutual_knn,
}


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def _inner(kernels: Sequence[Any]) -> Any:
    import torch

    return torch.stack([torch.stack([(a * b).sum() for b in kernels]) for a in kernels]).double()


def _cosines(total: Any) -> Any:
    size = total.diagonal().sqrt()
    return total / (size[:, None] * size)
