"""The counts of `bench.scale` against runs of small size, and its table against the page that shows it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import scale
from hyle.engine import compare, device_mesh, estimate
from hyle.engine.block_pass import PassPlan, mesh_program, run_mesh_pass
from hyle.engine.block_pass import mesh as mesh_module
from hyle.engine.context import PASS
from hyle.engine.gram import features, multiply, prepare, prepared

N, WIDTHS = 3000, (24, 40, 64)


def models(n: int = N) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    common = generator.normal(size=(n, 6))
    return {
        f"{d} columns": (common @ generator.normal(size=(6, d)) + generator.normal(size=(n, d))).astype(np.float32)
        for d in WIDTHS
    }


@pytest.mark.parametrize(("queries", "block"), [(None, None), (None, 100), (100, 100)])
def test_products_are_those_that_are_computed(
    queries: int | None, block: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = {"rows": 0.0, "features": 0.0}
    gram, squared = prepared.gram_of, features._squared_norm_numpy

    def gram_of(points: Any, query: Any, threads: int | None = None) -> Any:
        done["rows"] += len(query) * points.shape[0] * points.shape[1]
        return gram(points, query, threads)

    def counted(points: Any, some: np.ndarray, columns: slice, out: np.ndarray) -> Any:
        done["rows"] += out.size * points.shape[1]
        return multiply(points, some, columns, out)

    def squared_norm(x: np.ndarray, y: np.ndarray) -> float:
        done["features"] += x.shape[0] * x.shape[1] * y.shape[1]
        return squared(x, y)

    monkeypatch.setattr(prepared, "gram_of", gram_of)
    monkeypatch.setattr("hyle.engine.neighbours.row_blocks.multiply", counted)
    monkeypatch.setattr("hyle.engine.neighbours.tiles.multiply", counted)
    monkeypatch.setattr("hyle.engine.neighbours.tables.BLOCK_BYTES", 0)  # no product of all rows at once
    monkeypatch.setattr(features, "_squared_norm_numpy", squared_norm)
    # Blocks that divide the rows: the last is filled up.
    options: dict[str, Any] = {"metrics": list(scale.METRICS), "k": 10, "queries": queries, "block": block}
    compare(models(), **options)
    products = {stage.name: stage.products for stage in estimate(N, WIDTHS, **options).stages}
    assert done["features"] == products["linear kernels, by features"]
    assert done["rows"] == products[PASS if queries is None else "queries with all samples"]


def test_memory_of_a_device_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    n, m, d, found = 6000, 3, 64, []

    def lowered(inputs: Any, start: Any, **options: Any) -> Any:
        memory = original.lower(inputs, start, **options).compile().memory_analysis()
        found.append(memory.argument_size_in_bytes + memory.temp_size_in_bytes)
        return original(inputs, start, **options)

    original = mesh_program.run_blocks
    monkeypatch.setattr(mesh_module, "run_blocks", lowered)
    rows = [prepare(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)) for seed in range(m)]
    run_mesh_pass(rows, PassPlan((), (("cosine", 25),)), device_mesh(1), block=256)
    expected = scale.device_memory(n, m, d, 1, block=256)
    assert expected / 2 < found[0] < 1.5 * expected


def test_work_is_divided_by_the_devices() -> None:
    one, eight = (next(each for each in scale.MACHINES if each.name == name) for name in ("one H100", "eight H100"))
    assert scale.hours(one, 10**6, None) == pytest.approx(8 * scale.hours(eight, 10**6, None))
    share = partial(scale.device_memory, 10**6, 60, 256)
    assert share(8) < share(1)


def test_the_page_has_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text("utf-8")
    assert "\n".join(scale.lines()) in page
    assert "python -m bench.scale" in page
