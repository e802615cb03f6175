"""`hyle compare --queries`: some of the samples, compared with all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.options import measure
from hyle.engine.context import MIN_QUERIES

Run = Callable[..., Any]


def test_queries_are_some_of_the_samples(run: Run, pair: object) -> None:
    ran = run("compare", "a.npz", "b.npz", "--queries", 40, "-k", 5)
    note = "note: 40 of 60 samples drawn as queries; intervals are of this sampling, and scores without one are exact"
    assert note in ran.err.splitlines()
    assert "± one standard error, by delete-a-group jackknife over the queries" in ran.out
    assert "cka_rbf" not in ran.out  # a default, but for all samples
    assert "note: --queries leaves out cka_rbf, for which all pairs of samples are needed" in ran.err
    asked = run("compare", "a.npz", "b.npz", "--queries", 40, "-k", 5, "--metrics", "mutual_knn")
    assert "leaves out" not in asked.err
    found = run("compare", "a.npz", "b.npz", "--queries", 40, "-k", 5, "--json").json
    assert (found["n"], found["recipe"]["queries"], found["recipe"]["permutations"]) == (60, 40, 0)
    score = next(row for row in found["results"] if row["metric"] == "mutual_knn")
    assert score["low"] < score["value"] < score["high"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metrics", "cka,rsa"), "--queries 40: rsa cannot be estimated from some of the samples"),
        (("--permutations", 20), "--queries 40 cannot be combined with --permutations"),
        (("--difference", "a-b:a-noise"), "--queries 40 cannot be combined with --intervals"),
    ],
)
def test_what_queries_exclude_is_an_error(
    mistake: Callable[..., str], pair: object, options: tuple[object, ...], message: str
) -> None:
    noise = np.random.default_rng(5).normal(size=(60, 4)).astype("float32")
    np.savez("noise.npz", embedding=noise, ids=[f"m{i:02d}" for i in range(60)])
    assert message in mistake("compare", "a.npz", "b.npz", "noise.npz", "--queries", 40, *options)


def test_options_and_engine_agree_on_the_fewest_queries() -> None:
    assert measure.MIN_QUERIES == MIN_QUERIES


def test_the_page_says_that_queries_were_drawn(run: Run, pair: tuple[np.ndarray, np.ndarray]) -> None:
    ran = run("compare", "a.npz", "b.npz", "-k", 5, "--queries", 40, "-o", "result.html")
    assert ran.code == 0
    page = Path("result.html").read_text("utf-8")
    assert "60 samples, 40 of them drawn as queries and compared with all" in page


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize(("queries", "message"), [(5, "use at least 40"), (60, "there are only 60 samples")])
def test_too_few_or_too_many_queries_are_refused(mistake: Callable[..., str], queries: int, message: str) -> None:
    assert message in mistake("compare", "a.npz", "b.npz", "-k", 5, "--queries", queries)
