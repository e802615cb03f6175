"""Comparisons of the size of a study: one pass each, as far as memory and time allow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..metrics import STUDY
from . import twelve
from .measuring import OPTIONS, device_memory, panel, peak_memory, shortest, work
from .rows import Job, Row

NEAR = ("cka", "mutual_knn", "cknna")
# The largest difference, in standard errors, that queries may have from the comparison of all samples.
STANDARD_ERRORS, ROUNDING = 6.0, 1e-7


@dataclass(frozen=True)
class Case:
    """One comparison.

    Args:
        n: number of samples.
        widths: columns of each model.
        metrics: that are computed.
        options: further options of `hyle.engine.compare`.
    """

    n: int
    widths: tuple[int, ...]
    metrics: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the row is called."""
        how = f", {self.options['queries']:,} queries" if self.options else ""
        return f"{len(self.metrics)} metrics of {len(self.widths)} x {self.n:,} x {self.widths[0]}{how}"


def cases(quick: bool) -> list[Case]:
    """Return the comparisons, the shortest first."""
    atoms, queries = (3000, 600) if quick else (282_847, 20_000)
    models, n = (3, 2000) if quick else (20, 100_000)
    return [
        Case(atoms, (128,) * 7, NEAR, {"queries": queries}),
        Case(atoms, (128,) * 7, NEAR),
        Case(n, (512,) * models, STUDY),
    ]


def measure(job: Job) -> Iterator[Row]:
    """Yield the time of one pass of each comparison, and how far queries are from all samples."""
    from hyle.engine import compare

    found: list[Any] = []
    models: dict[str, Any] = {}
    for case in cases(job.quick):
        reason = unsuitable(case, job, device_memory())
        if reason:
            yield Row(case.name, skipped=reason)
            continue
        if [x.shape for x in models.values()] != [(case.n, width) for width in case.widths]:
            models = {}  # frees their memory first
            models = panel(case.n, case.widths)
        start = time.perf_counter()
        comparison = compare(models, metrics=case.metrics, permutations=0, **OPTIONS, **case.options)
        seconds = time.perf_counter() - start
        products, _ = work(case.n, case.widths, case.metrics, **case.options)
        last = job.find("twelve", _rate_row(job))
        yield Row(
            case.name,
            seconds,
            "s",
            ratio=seconds / last["figure"] if last else None,
            to=_rate_row(job),
            bound=shortest(job, products),
            facts={"products": products, "peak": peak_memory()},
        )
        found += [comparison] if case.metrics is NEAR else []
    if len(found) == 2:
        yield Row("queries against all samples", apart(*found), "standard errors", bound=STANDARD_ERRORS, side="most")


def apart(estimate: Any, exact: Any) -> float:
    """Return the largest difference of the scores of queries, in their standard errors."""
    largest = 0.0
    for name in NEAR:
        if f"{name}_se" not in estimate:  # exact in both
            continue
        error, size = estimate[f"{name}_se"].values, np.abs(estimate[name].values - exact[name].values)
        # Where a model is compared with itself there is no error but rounding.
        largest = max(largest, float(np.max(size[error > ROUNDING] / error[error > ROUNDING], initial=0)))
    return largest


def unsuitable(case: Case, job: Job, memory: int | None) -> str:
    """Return why a comparison is not tried, or an empty string.

    Args:
        case: the comparison.
        job: with the time that is left, and the rows of the stages before.
        memory: bytes of the device; None if they are not known.
    """
    from hyle.engine import estimate

    needed = estimate(case.n, case.widths, list(case.metrics), permutations=0, **OPTIONS, **case.options).memory
    needed += 4 * case.n * sum(case.widths)
    if memory is not None and needed > memory:
        return f"needs {needed / 2**30:.0f} GiB of memory, and the device has {memory / 2**30:.0f}"
    seconds = expected(case, job)
    if seconds is not None and seconds > job.left:
        return f"would take about {seconds:.0f} s, and {max(0.0, job.left):.0f} s are left"
    return ""


def expected(case: Case, job: Job) -> float | None:
    """Return about how many seconds a first call takes, from the rate of the twelve metrics; None if not measured.

    The work grows by the products or by what is done number by number, whichever grows more; compilation is added.
    """
    last = job.find("twelve", _rate_row(job))
    if last is None:
        return None
    products, passes = work(case.n, case.widths, case.metrics, **case.options)
    growth = max(products / last["facts"]["products"], passes / last["facts"]["passes"])
    return growth * last["figure"] + max(0.0, last["facts"]["first"] - last["figure"])


def _rate_row(job: Job) -> str:
    return twelve.name_of((twelve.QUICK_SIZES if job.quick else twelve.SIZES)[-1])
