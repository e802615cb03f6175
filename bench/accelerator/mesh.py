"""A comparison whose rows are divided among devices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .differences import allowed, check, differences
from .measuring import OPTIONS, clock, panel, shortest, work
from .rows import Job, Row

METRICS = (
    "cka",
    "cka_rbf",
    "distance_correlation",
    "mutual_knn",
    "cknna",
    "information_imbalance",
    "intrinsic_dimension",
)
N, QUICK_N, WIDTHS = 20_000, 400, (256,) * 4


def measure(job: Job) -> Iterator[Row]:
    """Yield the time and the largest difference for 1, 2, 4, ... devices.

    Raises:
        ArithmeticError: a metric differs by more than rounding.
    """
    import jax

    from hyle.engine import compare, device_mesh

    n = QUICK_N if job.quick else N
    models = panel(n, WIDTHS)
    call = partial(compare, models, metrics=METRICS, **OPTIONS)
    alone, single = call(), clock(call, budget=5)
    products, _ = work(n, WIDTHS, METRICS)
    yield Row("no mesh", single["best"], "s", bound=shortest(job, products), facts={"n": n, "widths": WIDTHS})
    count, longest = 1, 0.0
    while count <= len(jax.devices()):
        what = f"mesh of {count} device{'s' * (count > 1)}"
        if longest > job.left:
            yield Row(what, skipped=f"the one before took {longest:.0f} s, and {job.left:.0f} s are left")
            return
        shared = partial(call, mesh=device_mesh(count))
        seconds = clock(shared, budget=5)
        apart = differences(shared(), alone, METRICS)
        longest = max(longest, seconds["first"] + 5)
        about = {"first": seconds["first"], "devices": count, "differences": apart}
        bound = shortest(job, products / count)
        yield Row(
            what, seconds["best"], "s", ratio=seconds["best"] / single["best"], to="no mesh", bound=bound, facts=about
        )
        worst = max(apart, key=lambda name: apart[name])
        yield Row(
            f"{what}, largest difference ({worst})", apart[worst], "difference", bound=allowed(worst), side="most"
        )
        check(apart)
        count *= 2
