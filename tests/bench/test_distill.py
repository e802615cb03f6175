"""The benchmark of distillation: its splits, its summary, and that the page is what the results say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.distill import DOCS
from bench.distill_page import markdown
from bench.few_labels import LARGEST, TEST, Molecules, interval, split, summary
from bench.results import FOLDER


def test_the_page_is_that_of_the_results() -> None:
    results = json.loads((FOLDER / "distill.json").read_text("utf-8"))
    few = results["few_labels"]
    assert few["summary"] == summary(few["runs"], few["units"])
    assert min(row["mae"]["aligned"]["seeds"] for row in few["summary"]) >= 10
    assert DOCS.read_text("utf-8") == markdown(results)


def test_test_molecules_are_not_trained_on_and_out_of_distribution_are_larger() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    composition = np.stack([rng.integers(0, 9, n), *rng.integers(0, 4, (4, n))], 1).astype(np.float32)
    known = Molecules({"counts": np.zeros((n, 3))}, np.zeros((n, 2)), composition, {}, {})
    heavy = composition[:, 1:].sum(1)
    for name in ("in distribution", "out of distribution"):
        train, test = split(known, name, 0)
        assert not set(train) & set(test)
        assert not np.array_equal(train, split(known, name, 1)[0])
    assert len(split(known, "in distribution", 0)[1]) == TEST
    train, test = split(known, "out of distribution", 0)
    assert heavy[train].max() <= LARGEST < heavy[test].min()


def test_intervals_are_those_of_student() -> None:
    from scipy import stats

    values = np.random.default_rng(0).normal(size=10)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = interval(values)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_changes_are_paired_by_seed() -> None:
    arms = ("alone", "aligned", "cosine alone")
    errors = np.random.default_rng(1).uniform(1, 2, (10, len(arms)))
    runs = [
        {
            "split": "in distribution",
            "label": "gap",
            "seed": seed,
            "train": 5,
            "test": 7,
            "mae": dict(zip(arms, row, strict=True)),
            "cka": dict.fromkeys(arms, 0.5),
        }
        for seed, row in enumerate(errors)
    ]
    (row,) = summary(runs, {"gap": "eV"})
    change = row["change"]["aligned"]["alone"]
    assert change["mean"] == pytest.approx((errors[:, 1] / errors[:, 0] - 1).mean())
    assert change["seeds"] == 10
