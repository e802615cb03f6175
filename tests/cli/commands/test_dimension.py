"""`hyle dimension`, from the command line to its output."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from hyle.engine import (
    compare,
    dimension_scales,
)
from hyle.engine.dimension.estimators import Estimator

Run = Callable[..., Any]


def test_dimension(run: Run, pair: object) -> None:
    x, _ = pair
    estimates = run("dimension", "a.npz", "-k", 10, "--estimator", "all", "--json").json[0]["estimates"]
    assert set(estimates) == set(get_args(Estimator))
    suffixes = {"mle": "", "mle_arithmetic": "_mle_arithmetic", "twonn": "_twonn", "twonn_ml": "_twonn_ml"}
    metrics = {name: f"intrinsic_dimension{suffixes.get(name, '_gride')}" for name in estimates}
    expected = compare({"a": x}, metrics=list(metrics.values()), dimension_k=10)
    for name, found in estimates.items():
        assert found["value"] == pytest.approx(expected[metrics[name]].item(), rel=1e-5)
        assert found["n_used"] == 60
        assert (found["error"] is not None) == (name in ("twonn_ml", "gride"))
        assert found["k"] == {"twonn": 2, "twonn_ml": 2, "gride": 8}.get(name, 10)
    gride = estimates["gride"]
    table = run("dimension", "a.npz", "-k", 10, "--estimator", "gride,mle").out
    assert f"{gride['value']:.2f} ± {gride['error']:.2f}" in table
    assert set(run("dimension", "a.npz", "--json").json[0]["estimates"]) == {"mle", "twonn"}


@pytest.mark.parametrize("noise", [0, 2e-7, 1e-6])
def test_repetitions_are_counted_and_change_no_estimate(run: Run, tmp_path: Path, noise: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 16))
    near = x[:60] * (1 + noise * rng.normal(size=(60, 16)))
    np.savez(tmp_path / "clean.npz", embedding=x.astype("float32"), ids=np.arange(200))
    np.savez(tmp_path / "near.npz", embedding=np.concatenate([x, near]).astype("float32"), ids=np.arange(260))
    clean, found = run("dimension", "clean.npz", "near.npz", "--estimator", "all", "--json").json
    assert (clean["duplicates"], found["duplicates"], found["n"]) == (0, 60, 260)
    for name, estimate in clean["estimates"].items():
        assert found["estimates"][name]["value"] == pytest.approx(estimate["value"], rel=1e-4)
        assert (found["estimates"][name]["n_used"], found["estimates"][name]["k"]) == (200, estimate["k"])


def test_dead_columns_and_the_largest_share_of_variance_are_reported(run: Run, tmp_path: Path) -> None:
    """Some models have many dead columns, and in others one column has nearly all of the variance."""
    x = np.random.default_rng(0).normal(size=(80, 8)).astype("float32")
    x[:, 2:5], x[:, 7] = 0.1, 100 * x[:, 7]
    np.savez(tmp_path / "x.npz", embedding=x, ids=np.arange(80))
    found = run("dimension", "x.npz", "--json").json[0]
    assert (found["width"], found["dead_columns"]) == (8, 3)
    assert found["top_column_share"] == pytest.approx(x.var(0).max() / x.var(0).sum(), rel=1e-5)
    table = run("dimension", "x.npz").out
    assert re.search(r"x +80 +80 +8 +3 +100 %", table)
    assert "top column: the largest share of the variance in one column" in table


def test_outliers_are_reported_with_the_estimates_of_the_other_rows(run: Run, tmp_path: Path) -> None:
    """Single rows of real models have sixteen times the usual norm, and move CKA by a tenth."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(80, 8)).astype("float32") for _ in range(2))
    x[[4, 9]], y[[4, 9]] = 40 * x[[4, 9]], 40 * x[[4, 9]]
    for name, rows in (("x", x), ("y", y)):
        np.savez(tmp_path / f"{name}.npz", embedding=rows, ids=[f"m{i}" for i in range(80)])
        np.savez(tmp_path / f"{name}2.npz", embedding=np.delete(rows, [4, 9], 0), ids=list(range(78)))
    found = run("dimension", "x.npz", "--json").json[0]
    assert found["norm_outliers"] == ["m4", "m9"]
    without, alone = found["without_outliers"], run("dimension", "x2.npz", "-k", 8, "--json").json[0]
    assert (found["n"], without["n"]) == (80, 78)
    assert without["estimates"]["mle"]["value"] == pytest.approx(alone["estimates"]["mle"]["value"], rel=1e-5)
    assert alone["norm_outliers"] == []
    table = run("dimension", "x.npz").out
    assert "x without 2" in table
    assert "x: outliers, over 4 times as far from the mean as a typical row: m4, m9" in table

    given = ("--metrics", "cka", "--json")
    compared, others = run("compare", "x.npz", "y.npz", *given).json, run("compare", "x2.npz", "y2.npz", *given).json
    assert compared["norm_outliers"] == {"x": ["m4", "m9"], "y": ["m4", "m9"]}
    raw, clean = (float(rows[0]["value"]) for rows in (compared["results"], compared["without_outliers"]))
    assert raw > 0.9
    assert clean == pytest.approx(float(others["results"][0]["value"]), abs=1e-5)
    assert abs(clean) < 0.1
    assert "without_outliers" not in others
    shown = run("compare", "x.npz", "y.npz", "--metrics", "cka").out
    assert "without these rows, on the other 78 samples, these scores change by more than 0.02:" in shown
    assert shown.splitlines()[-1].split() == ["x,", "y", "cka", f"{raw:.2f}", f"{clean:.2f}".replace("-", "−")]


def test_dimension_at_increasing_scales(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = pair
    gride, thinned = run("dimension", "a.npz", "--scales", "-k", 16, "--seed", 3, "--json").json
    assert (gride["estimator"], thinned["estimator"]) == ("gride", "twonn_ml")
    for curve, expected in (
        (gride, dimension_scales(x, k=16)),
        (thinned, dimension_scales(x, estimator="twonn_ml", seed=3)),
    ):
        for field, values in expected._asdict().items():
            assert [scale[field] for scale in curve["scales"]] == pytest.approx(values.tolist(), rel=1e-5)
    assert [scale["order"] for scale in gride["scales"]] == [1, 2, 4, 8]
    finest = gride["scales"][0]
    table = run("dimension", "a.npz", "--scales", "--estimator", "gride", "-k", 16).out
    assert len(re.findall(r"^a +gride ", table, flags=re.MULTILINE)) == 4
    assert f"{finest['dimension']:.2f} ± {finest['error']:.2f}" in table
