"""Differences of pairs, ranks and noise ceilings, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import ceiling_shares, pair_difference
from hyle.zoo import Representation, read_embeddings

Run = Callable[..., Any]
NOISE = {"m-a": 0.5, "m-b": 1.0, "m-c": 1.0, "m": 2.0}


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, Representation]:
    """Four models of one picture, with hyphens in their names, as files."""
    generator = np.random.default_rng(0)
    picture = generator.normal(size=(100, 4)) @ generator.normal(size=(4, 8))
    ids = [f"s{i}" for i in range(100)]
    for name, size in NOISE.items():
        x = (picture + size * generator.normal(size=picture.shape)).astype("f4")
        np.savez(tmp_path / f"{name}.npz", embedding=x, ids=ids)
    return {name: read_embeddings(tmp_path / f"{name}.npz") for name in NOISE}


def test_a_difference_is_printed_and_in_the_data(run: Run, rows: dict[str, Representation]) -> None:
    command = ("compare", *(f"{name}.npz" for name in NOISE), "--metrics", "cka", "--permutations", 150)
    data = run(*command, "--difference", "m-a-m-b:m-a-m-c", "--difference", "m,m-a : m-b,m-a", "--json").json
    found = compare(rows, metrics=["cka"], permutations=150, jackknife_groups=20, keep_resamples=True)
    for row, pairs in zip(
        data["differences"], [(("m-a", "m-b"), ("m-a", "m-c")), (("m", "m-a"), ("m-b", "m-a"))], strict=True
    ):
        expected = pair_difference(found, "cka", *pairs)
        assert (tuple(row["first"]), tuple(row["second"])) == pairs
        assert row["p"] == pytest.approx(expected.p)
        assert row["difference"]["se"] == pytest.approx(expected.difference.se)
    printed = run(*command, "--difference", "m-a-m-b:m-a-m-c").out
    assert "m-a-m-b" in printed
    assert "p (unrelated): neither pair has anything in common" in printed
    assert "cka rank" in printed
    assert "cka_jackknife_values" not in data["matrices"]
    assert data["rank_low"]["cka"][0][1] <= data["rank"]["cka"][0][1] <= data["rank_high"]["cka"][0][1]


def test_a_p_that_the_permutations_do_not_give_is_explained(run: Run, rows: object) -> None:
    command = ("compare", *(f"{name}.npz" for name in NOISE), "--metrics", "cka", "--permutations", 150)
    ran = run(*command, "--difference", "m-b-m-a:m-b-m-c", "--difference", "m-a-m-b:m-a-m-c")
    (line,) = [line for line in ran.out.splitlines() if "p (unrelated) needs one permutation" in line]
    assert "m-b was permuted in one pair only" in line
    data = run(*command, "--difference", "m-b-m-a:m-b-m-c", "--json").json
    assert data["differences"][0]["p_unrelated"] is None
    assert "needs one permutation" not in run(*command, "--difference", "m-a-m-b:m-a-m-c").out


def test_shares_of_a_ceiling(run: Run, rows: dict[str, Representation]) -> None:
    command = ("compare", *(f"{name}.npz" for name in NOISE), "--metrics", "cka", "--permutations", 150)
    data = run(*command, "--ceiling", "m-b,m-c", "--json").json
    found = compare(rows, metrics=["cka"], permutations=150, jackknife_groups=20, keep_resamples=True)
    expected = ceiling_shares(found, "cka", ("m-b", "m-c"))
    np.testing.assert_allclose(
        np.array(data["ceiling"]["cka"]["share"], float), expected.share.values, atol=1e-6, equal_nan=True
    )
    assert "share of the noise ceiling, the score of m-b-m-c, in brackets:" in run(*command, "--ceiling", "m-b-m-c").out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--difference", "m-a-m-b"), "two pairs are needed"),
        (("--difference", "m-a-m-b:m-b-m-a"), "both pairs are the same"),
        (("--difference", "m-a-x:m-a-m-b"), "m-a-x is not a pair of two models"),
        (("--ceiling", "m-m"), "name two different models"),
    ],
)
def test_bad_pairs_are_one_line(run: Run, rows: object, options: tuple[str, ...], words: str) -> None:
    ran = run("compare", *(f"{name}.npz" for name in NOISE), "--metrics", "cka", *options)
    assert ran.code == 2
    assert words in ran.err.splitlines()[-1]


def test_two_representations_have_no_difference(run: Run, rows: dict[str, Representation]) -> None:
    ran = run("compare", "m-a.npz", "m-b.npz", "--difference", "m-a-m-b:m-a-m-b")
    assert ran.code == 2
    assert "compare three at least" in ran.err
