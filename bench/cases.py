"""The inputs on which the metrics are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["pair", "all"]
DTYPES = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class Case:
    """One shape of input.

    Args:
        name: name in the results.
        kind: ``pair``: two models, one value; ``all``: all pairs of models, or all models for a metric of one model.
        n: number of samples.
        widths: columns of each model.
        far: whether the data are 200 standard deviations from the origin.
        extra: whether the case is measured only with ``--large``.
        device: ``gpu`` if the case needs one.
        dtype: dtype of the inputs on a GPU.
    """

    name: str
    kind: Kind
    n: int
    widths: tuple[int, ...]
    far: bool = False
    extra: bool = False
    device: Literal["cpu", "gpu"] = "cpu"
    dtype: str = "float32"

    @property
    def pairs(self) -> int:
        return len(self.widths) * (len(self.widths) - 1) // 2


def mixed(m: int) -> tuple[int, ...]:
    """Return m widths that cycle through 256, 512, 768 and 1,024."""
    return tuple(256 * (1 + i % 4) for i in range(m))


PAIR_SIZES = ((2000, 256), (2000, 1024), (10_000, 256), (10_000, 1024))
QUICK_PAIR_SIZES = ((2000, 256),)
SCALING = (12_500, 25_000, 50_000)


def pair_case(n: int, d: int, *, far: bool = False) -> Case:
    return Case(f"{'far' if far else 'pair'} {n}x{d}", "pair", n, (d, d), far)


def plan(*, quick: bool = False, large: bool = False, n: int | None = None) -> list[Case]:
    """Return the cases of a run; ``n`` shrinks all of them to that number of samples, to test the benchmark."""
    sizes = QUICK_PAIR_SIZES if quick or n else PAIR_SIZES
    first, all_pairs = n or 2000, n or (2000 if quick else 4000)
    pairs = [pair_case(n or rows, d) for rows, d in sizes]
    # All pairs come early, because an interrupted run should have this case.
    cases = [
        pairs[0],
        pair_case(first, 256, far=True),
        Case(f"all 16x{all_pairs}", "all", all_pairs, mixed(16)),
        *pairs[1:],
    ]
    if large:
        sizes_up = tuple(max(n * 2**i, 8) for i in range(3)) if n else SCALING
        cases += [Case(f"all 4x{rows}", "all", rows, (256,) * 4, extra=True) for rows in sizes_up]
    return cases


def gpu_plan() -> list[Case]:
    """Return the cases of a run on a GPU."""
    cases = []
    for m, n in ((16, 16_000), (60, 10_000)):
        for dtype in DTYPES:
            cases.append(Case(f"gpu {m}x{n} {dtype}", "all", n, (512,) * m, device="gpu", dtype=dtype))
    return cases
