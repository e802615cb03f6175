"""Scores that are not defined say why, and sources of one name are told apart."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., Any]
IDS = np.array([f"m{i:02d}" for i in range(60)])


@pytest.fixture
def odd(pair: object, tmp_path: Path) -> None:
    """A file with one column, and one whose rows are equal."""
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "one.npz", embedding=generator.random((60, 1)) + 1, ids=IDS)
    np.savez(tmp_path / "const.npz", embedding=np.ones((60, 4)), ids=IDS)


COMPARE = ("compare", "a.npz", "one.npz", "const.npz", "--metrics", "cka,mutual_knn,cknna,intrinsic_dimension", "-k", 5)
DIRECTION = "all its rows have the same direction, so that all neighbours are ties under cosine"


def test_undefined_scores_say_why(run: Run, odd: None) -> None:
    out = run(*COMPARE).out.splitlines()
    assert "– not defined: cka, mutual_knn, cknna, intrinsic_dimension of const: all its rows are equal" in out
    assert f"– not defined: mutual_knn of one: {DIRECTION}; try --neighbour-metric euclidean" in out
    # CKNNA uses cosine whatever the option says.
    assert f"– not defined: cknna of one: {DIRECTION}" in out
    euclidean = run(*COMPARE, "--neighbour-metric", "euclidean").out
    assert "mutual_knn of one" not in euclidean
    assert f"cknna of one: {DIRECTION}" in euclidean


def test_undefined_scores_say_why_in_json(run: Run, odd: None) -> None:
    undefined = run(*COMPARE, "--json").json["undefined"]
    constant = {"model": "const", "metrics": ["cka", "mutual_knn", "cknna", "intrinsic_dimension"]}
    assert undefined[0] == {**constant, "reason": "all its rows are equal"}
    assert [each["model"] for each in undefined] == ["const", "one", "one"]
    assert run("compare", "a.npz", "b.npz", "--metrics", "cka,mutual_knn", "--json").json["undefined"] == []


def test_what_the_covariates_explain_is_not_defined(run: Run, odd: None) -> None:
    explained = ("compare", "a.npz", "one.npz", "--covariates", "one.npz", "--metrics", "cka")
    assert "cka of one: the covariates explain it wholly" in run(*explained).out


def test_covariates_leave_fewer_residuals_than_samples(run: Run, odd: None) -> None:
    lines = run("compare", "a.npz", "b.npz", "--covariates", "one.npz", "--metrics", "cka").err.splitlines()
    at = lines.index("joined 60 samples by id; all have these")
    residuals = "1 columns of rank 1, BLUS residuals of 58 samples (60 less the rank and the mean)"
    assert lines[at + 1] == f"regressed out one linearly: {residuals}"


def test_files_of_one_name_are_called_by_their_paths(run: Run, pair: object, tmp_path: Path) -> None:
    for folder in ("sub", "sub/deep"):
        Path(folder).mkdir()
        shutil.copy("a.npz", folder)
    ran = run("compare", "a.npz", "sub/a.npz", "sub/deep/a.npz", "b.npz", "--metrics", "cka", "--json")
    assert ran.json["models"] == ["a", "sub/a", "sub/deep/a", "b"]
    assert "is given" not in ran.err
    np.savetxt("a.csv", np.random.default_rng(0).normal(size=(60, 3)), delimiter=",", header="x0,x1,x2", comments="")
    ran = run("compare", "a.npz", "a.csv", "--ids", "rows", "--metrics", "cka")
    assert "no sample is common" in ran.err
    assert "a.npz: 'm00'" in ran.err
    assert "a.csv: '0'" in ran.err


def test_a_file_that_is_given_twice_is_a_warning(run: Run, pair: object) -> None:
    for again in ("a.npz", "./a.npz"):
        ran = run("compare", "a.npz", again, "b.npz", "--metrics", "cka", "--json")
        assert ran.json["models"] == ["a", "a (2)", "b"]
        assert f"warning: {again} is given 2 times: its scores with itself say nothing" in ran.err
