"""Neighbour tables of models that are searched side by side, without kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.engine.base import Checkpoint, products, threads
from hyle.engine.block_pass import PassPlan, PassResult, run_pass
from hyle.engine.block_pass import run as pass_module
from hyle.engine.gram import prepare
from hyle.engine.neighbours import tables

PLAN = PassPlan((), (("cosine", 5), ("euclidean", 7)), ordered=7)
N, MODELS = 200, 12


@pytest.fixture
def models() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(N, 8)).astype(np.float32) for _ in range(MODELS)]


def searched(models: list[np.ndarray], **options: Any) -> PassResult:
    return run_pass([prepare(x, kept=False) for x in models], PLAN, **options)


def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (products, threads, tables):
        monkeypatch.setattr(module, "count_cores", lambda: 2)


@pytest.mark.parametrize("together", [True, False])
def test_each_model_has_its_own_tables(
    models: list[np.ndarray], together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(monkeypatch)
    monkeypatch.setattr(tables, "WHOLE_BYTES", 2**28 if together else 0)
    whole_gram, used, memory, steps = pass_module.whole_gram, [], [], []

    def recorded(prepared: Any, out: Any = None, **options: Any) -> Any:
        used.append(options["threads"])
        found = whole_gram(prepared, out, **options)
        memory.append(found)
        return found

    monkeypatch.setattr(pass_module, "whole_gram", recorded)
    found = searched(models, progress=lambda *step: steps.append(step))
    assert set(used) == {1 if together else 2}
    assert len({each.ctypes.data for each in memory}) <= (2 if together else 1)  # used again for the next model
    assert steps == [(done * N // MODELS, N) for done in range(1, MODELS + 1)]
    for at, x in enumerate(models):
        centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
        far = np.square(centred[:, None] - centred).sum(2)
        np.fill_diagonal(far, np.inf)
        nearest = np.argsort(far, axis=1)[:, :7]
        np.testing.assert_array_equal(found.tables["euclidean"][at].indices, nearest)
        assert found.squares is not None
        scale = 4.0 ** int(prepare(x).norms.exponent)
        assert found.squares[at] * scale**2 == pytest.approx(np.square(centred @ centred.T).sum(), rel=1e-5)


def test_what_is_saved_is_not_searched_again(
    models: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(monkeypatch)
    find_tables, begun = pass_module.find_tables, []

    def breaks(prepared: Any, *args: Any, **options: Any) -> Any:
        model = next(at for at, x in enumerate(models) if x is prepared.rows)
        begun.append(model)
        if model == 3 and len(begun) <= MODELS:
            raise KeyboardInterrupt
        return find_tables(prepared, *args, **options)

    monkeypatch.setattr(pass_module, "find_tables", breaks)
    with pytest.raises(KeyboardInterrupt):
        searched(models, checkpoint=Checkpoint(tmp_path))
    done = set(begun) - {3}
    assert {0, 1, 2} <= done
    begun[:] = range(MODELS)
    found = searched(models, checkpoint=Checkpoint(tmp_path))
    assert set(begun[MODELS:]) == set(range(MODELS)) - done
    monkeypatch.setattr(pass_module, "find_tables", find_tables)
    for one, other in zip(found.tables["cosine"], searched(models).tables["cosine"], strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
