"""Relative representations by shared anchors, from the command line."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest

from hyle.cli.options import METHODS
from hyle.engine import cka, load_comparison
from hyle.engine.preprocess import Method

QUICK = ("--metrics", "cka", "--permutations", "0")


def test_methods_are_those_of_the_engine():
    assert get_args(Method) == METHODS


def test_all_metrics_are_in_the_common_space_without_the_anchors(run, pair, tmp_path):
    x, y = pair
    ran = run("compare", "a.npz", "b.npz", "--anchors", "10", *QUICK, "--json", "-o", tmp_path / "out.nc")
    assert ran.code == 0
    assert ran.json["n"] == 50
    assert "note: rows are cosines to 10 anchors, by direct in the principal components of all models" in ran.err
    anchors = json.loads(load_comparison(tmp_path / "out.nc").attrs["anchors"])
    ids = anchors["ids"]
    assert anchors | {"ids": None} == {
        **{"ids": None, "count": 10, "method": "direct", "centring": "rows", "seed": 0, "scored": False},
        "reference": "the principal components of all models",
    }
    at = [int(id_[1:]) for id_ in ids]
    rest = np.setdiff1d(np.arange(60), at)
    units = [(each - each.mean(0)) / np.linalg.norm(each - each.mean(0), axis=1, keepdims=True) for each in (x, y)]
    z, w = ((each @ each[at].T)[rest] for each in units)
    assert ran.json["matrices"]["cka"][0][1] == pytest.approx(float(cka(z, w)), abs=1e-4)
    cosine = ((z * w).sum(1) / np.linalg.norm(z, axis=1) / np.linalg.norm(w, axis=1)).mean()
    found = ran.json["agreement_by_sample"]
    assert found["cosine"][0][1] == pytest.approx(cosine, abs=1e-5)
    assert found["distance"][0][1] == pytest.approx(1 - cosine, abs=1e-5)


def test_anchors_of_a_file_and_of_one_model(run, pair, tmp_path):
    chosen = ["m03", "m10", "m41", "m59"]
    (tmp_path / "ids.txt").write_text("\ufeff" + "\n".join(chosen) + "\n\n", encoding="utf-8")
    for option in (
        ("--anchors", "ids.txt"),
        ("--anchor-method", "ids.txt"),
        ("--anchors", "4", "--anchor-method", "ids.txt"),
    ):
        ran = run("compare", "a.npz", "b.npz", *option, *QUICK, "--json", "-o", tmp_path / "out.nc", "--replace")
        assert json.loads(load_comparison(tmp_path / "out.nc").attrs["anchors"])["ids"] == chosen
        assert ran.json["n"] == 56
    for method in ("kmeans", "farthest", "random"):
        ran = run(
            "compare", "a.npz", "b.npz", "--anchors", "4", "--anchor-method", method, "--anchor-model", "b", *QUICK
        )
        assert "4 anchors, by " + method + " in b; 56 samples are scored" in ran.err
    ran = run("compare", "a.npz", "b.npz", "--anchors", "9", "--keep-anchors", *QUICK)
    assert "60 samples are scored, the anchors among them" in ran.err
    assert "Agreement sample by sample" in ran.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--anchors", "57"),
            "57 anchors are too many for 60 common samples: use 2 to 56, since anchors are not scored",
        ),
        (("--anchors", "61", "--keep-anchors"), "use 2 to 60"),
        (("--anchors", "1"), "1 is not in the range"),
        (("--anchors", "many"), "neither a number of anchors nor a file"),
        (("--anchors", "9", "--anchor-method", "birch"), "neither direct, kmeans, farthest, random nor a file"),
        (("--anchor-method", "random"), "add --anchors N"),
        (("--anchors", "9", "--anchor-model", "c"), "--anchor-model c is none of a, b"),
        (("--anchors", "twice.txt"), "line 3: the id 'm01' is there twice"),
        (("--anchors", "unknown.txt"), "1 of 2 anchors are samples that no source has: mol1"),
        (("--anchors", "one.txt"), "has 1 ids: at least 2 anchors"),
        (("--anchors", "3", "--anchor-method", "unknown.txt"), "has 2 ids: omit --anchors"),
        (("--anchors", "one.txt", "--anchor-method", "unknown.txt"), "give one file of ids"),
        (("--anchors", "binary.txt"), "cannot be read as text"),
    ],
)
def test_mistakes_are_one_line(mistake, pair, tmp_path, options, words):
    (tmp_path / "twice.txt").write_text("m01\nm02\nm01\n")
    (tmp_path / "unknown.txt").write_text("m01\nmol1\n")
    (tmp_path / "one.txt").write_text("m01\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x01")
    assert words in mistake("compare", "a.npz", "b.npz", *options)


def test_rows_that_are_not_finite_are_named(mistake, pair, tmp_path):
    broken = np.array(pair[0])
    broken[5, 0] = np.nan
    np.savez(tmp_path / "a.npz", embedding=broken, ids=[f"m{i:02d}" for i in range(60)])
    assert "a: 1 of 60 rows contain NaN or infinite numbers: 'm05'; remove them" in mistake(
        "compare", "a.npz", "b.npz", "--anchors", "9"
    )
