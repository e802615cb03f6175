"""The estimate of a comparison: counts against their definitions, memory against a process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

from hyle.engine import Estimate, estimate
from hyle.engine.neighbours import tile_shape

PAIRS = ["cka", "mutual_knn", "cknna"]


def products(found: Estimate) -> dict[str, float]:
    return {stage.name: stage.products for stage in found.stages}


def test_products_are_those_of_the_definition() -> None:
    n, widths = 5000, [8, 20, 30]
    found = estimate(n, widths, PAIRS, k=10)
    assert found.linear == "d x d products of features"
    features = n * (8 * 8 + 20 * 20 + 30 * 30 + 8 * 20 + 8 * 30 + 20 * 30)
    assert products(found) == {
        "linear kernels, by features": features,
        "all pairs of samples": n * (n + 1) / 2 * sum(widths),
        "neighbours of all pairs of models": 0,
    }
    assert products(estimate(n, widths, PAIRS, block=100))["all pairs of samples"] == n**2 * sum(widths)
    wide = estimate(100, [400, 500], ["cka"])
    assert wide.linear == "n x n products of rows"
    assert products(wide) == {"all pairs of samples": (100**2 * 900 + 3 * 100**2) / 2}  # one half
    assert estimate(100, [4], ["intrinsic_dimension"]).linear == ""


@pytest.mark.parametrize(("options", "power"), [({"block": 100}, 2), ({"queries": 500}, 1)])
def test_the_work_grows_as_documented(options: dict[str, int], power: int) -> None:
    small, large = (products(estimate(n, [64] * 4, PAIRS, **options)) for n in (20_000, 200_000))
    stage = "queries with all samples" if "queries" in options else "all pairs of samples"
    assert large[stage] / small[stage] == pytest.approx(10**power)
    assert large["linear kernels, by features"] / small["linear kernels, by features"] == pytest.approx(10)


@pytest.mark.parametrize("n", [20_000, 200_000])
def test_a_search_alone_multiplies_each_pair_of_tiles_once(n: int) -> None:
    rows = tile_shape(n)[0]
    sizes = np.bincount(np.arange(n) % -(-n // rows))
    entries = np.triu(np.outer(sizes, sizes)).sum()
    assert products(estimate(n, [64] * 4, PAIRS))["all pairs of samples"] == 4 * 64 * entries


def test_permutations_and_jackknife_groups_are_stages() -> None:
    alone = estimate(3000, [16] * 3, PAIRS)
    permuted = estimate(3000, [16] * 3, PAIRS, permutations="auto")
    assert permuted.permutations == 200
    assert permuted.stages[: len(alone.stages)] == alone.stages
    assert [stage.name for stage in permuted.stages[len(alone.stages) :]] == [
        "permutations, linear kernels",
        "permutations, neighbours",
    ]
    jackknife = estimate(3000, [16] * 3, PAIRS, jackknife_groups=20).stages[-1]
    assert jackknife.products == 20 * sum(stage.products for stage in alone.stages)
    assert jackknife.passes == 20 * sum(stage.passes for stage in alone.stages)
    assert estimate(3000, [16] * 3, ["intrinsic_dimension"], permutations="auto").permutations == 0


def test_what_compare_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="rsa is computed for at most 11,585 samples"):
        estimate(20_000, [8, 8], ["rsa"])
    with pytest.raises(ValueError, match="here 24 GiB"):
        estimate(57_000, [8, 8], ["cka_rbf"], permutations=200, grouped=True)
    assert estimate(57_000, [8, 8], PAIRS, permutations=200, grouped=True).permutations == 200
    with pytest.raises(ValueError, match="k=100 neighbours are not possible"):
        estimate(50, [8, 8], PAIRS, k=100)
    with pytest.raises(ValueError, match="cka_rbf cannot be computed"):
        estimate(1000, [8, 8], ["cka_rbf"], queries=100)
    for n, widths in ((-5, [8, 8]), (0, [8, 8]), (1000.5, [8, 8]), (1000, []), (1000, [8, 0])):
        with pytest.raises(ValueError, match="give at least 4 samples"):
            estimate(n, widths, PAIRS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no metric is called 'kca'"):
        estimate(50, [8, 8], "kca")


SCRIPT = textwrap.dedent(
    """
    import json, pathlib, resource, sys
    import numpy as np
    from hyle.engine import compare, estimate

    n, d, *metrics = json.loads(sys.argv[1])
    rows = {name: np.random.default_rng(at).random((n, d), np.float32) for at, name in enumerate("abc")}

    def peak():
        status = pathlib.Path("/proc/self/status")
        if not status.exists():  # macOS
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Unlike ru_maxrss, this begins anew with the process.
        return 2**10 * int(next(line for line in status.read_text().splitlines() if "VmHWM" in line).split()[1])

    before = peak()
    compare(rows, metrics=metrics)
    print(json.dumps([peak() - before, estimate(n, [d] * 3, metrics).memory]))
    """
)


@pytest.mark.parametrize(
    "case",
    [
        (4000, 32, "cka", "mutual_knn", "cknna", "distance_correlation"),
        (60, 8, "mutual_knn"),
        (1500, 3000, "mutual_knn"),
        (1500, 12_000, "mutual_knn"),  # the points are copied for the products of all rows
        (500, 40_000, "cka", "cknna"),  # the distances of some rows to all others are computed one by one
    ],
)
def test_a_comparison_takes_no_more_memory(case: tuple[Any, ...]) -> None:
    command = [sys.executable, "-c", SCRIPT, json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    grown, estimated = json.loads(done.stdout)
    assert estimated / 10 < grown <= estimated
