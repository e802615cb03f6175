"""Segments of several runs, of other lengths, are never mixed, and damaged ones are computed again."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.engine.base import Checkpoint
from hyle.engine.block_pass import PassPlan, run_pass, segments
from hyle.engine.gram import prepare

from .on_devices import arrays

PLAN = PassPlan(("linear", "distance"), (("cosine", 10), ("euclidean", 32)), 2, ordered=32)
NOT_LINEAR = replace(PLAN, kernels=("distance",))


def result(folder: Path | None = None, stop: int | None = None, *, plan: PassPlan = PLAN) -> np.ndarray:
    """Run a pass in blocks of 10 of 203 rows, and end it after some blocks."""

    def progress(done: int, _: int) -> None:
        if stop is not None and done >= stop:
            raise KeyboardInterrupt

    prepared = [prepare(x) for x in arrays()]
    found = run_pass(prepared, plan, block=10, checkpoint=folder and Checkpoint(folder), progress=progress)
    kernels = [sums.products.ravel() for sums in found.sums.values()]
    sums = [np.ravel(found.ranks), found.squares if found.squares is not None else np.empty(0)]
    return np.concatenate([*kernels, *sums, *(table.value.ravel() for table in found.tables["cosine"])])


@pytest.mark.parametrize("plan", [PLAN, NOT_LINEAR])
def test_segments_of_several_runs_give_the_result_of_one(
    plan: PassPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = result(plan=plan)
    clock = iter(range(10**6))
    monkeypatch.setattr(segments.time, "monotonic", lambda: float(next(clock)))
    for seconds, stop in ((2, 70), (5, 150), (1, 190)):  # segments of other lengths
        monkeypatch.setattr(segments, "SECONDS", seconds)
        with pytest.raises(KeyboardInterrupt):
            result(tmp_path, stop, plan=plan)
    saved = sorted(tmp_path.glob("*/rows *"))
    assert len(saved) > 3
    np.testing.assert_array_equal(result(tmp_path, plan=plan), whole)
    # One is lost, and another one is damaged.
    for file in saved[1].rglob("*"):
        file.unlink() if file.is_file() else None
    for file in saved[2].rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.warns(UserWarning, match="is damaged, and is computed again"):
        again = result(tmp_path, plan=plan)
    np.testing.assert_array_equal(again, whole)


def test_threads_that_save_at_once_leave_the_logger_of_orbax_as_it_was(tmp_path: Path) -> None:
    logger, saved = logging.getLogger("absl"), Checkpoint(tmp_path)
    before = logger.level, list(logger.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: saved.save(f"{at}", {"x": np.arange(at + 1)}), range(8)))
    assert (logger.level, list(logger.filters)) == before
    for at in range(8):
        found = saved.load(f"{at}")
        assert found is not None
        np.testing.assert_array_equal(found["x"], np.arange(at + 1))
