"""`hyle map`: coordinates, colours, the page, and what a user can get wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.report import MOST_DRAWN
from hyle.engine.analysis import neighbour_disagreement, plane
from hyle.zoo import load_dataset

Run = Callable[..., Any]


@pytest.fixture
def molecules(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    ids = load_dataset("qm9", n=50).ids
    x = rng.normal(size=(50, 5))
    np.savez(tmp_path / "a.npz", embedding=x, ids=ids)
    np.savez(tmp_path / "b.npz", embedding=x @ rng.normal(size=(5, 9)), ids=ids)
    return ids


def island(page: str, name: str) -> Any:
    text = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', page, re.DOTALL)[1]  # type: ignore[index]
    return json.loads(text if text.startswith("{") else gzip.decompress(base64.b64decode(text)))


def test_every_model_has_a_map_and_all_share_one(run: Run, molecules: list[str]) -> None:
    ran = run("map", "a.npz", "b.npz", "--samples", "qm9", "--json").json
    assert list(ran["maps"]) == ["shared space of all models", "a", "b"]
    assert ran["samples"] == sorted(molecules)
    file = np.load("a.npz")
    rows = file["embedding"][np.argsort(file["ids"])]
    np.testing.assert_allclose(ran["maps"]["a"]["place"], plane(rows).place, atol=1e-6)
    shared = ran["maps"]["shared space of all models"]
    assert min(shared["shares"]) > 0.9
    assert max(shared["chance"]) < 0.8
    assert next(iter(ran["colours"])) == "energy / eV"
    energies = {sample.id: sample.labels["energy"] for sample in load_dataset("qm9", n=50)}
    np.testing.assert_allclose(ran["colours"]["energy / eV"], [energies[i] for i in sorted(molecules)])
    table = run("map", "a.npz", "b.npz", "--samples", "qm9").out
    assert re.search(r"shares of the shared space by chance: \d+%", table)
    assert Path("map.html").exists()


def test_colours_are_labels_elements_disagreement_and_files(run: Run, molecules: list[str]) -> None:
    def first(colour: str, *more: str) -> tuple[str, list[Any]]:
        found = run("map", "a.npz", "b.npz", "--samples", "qm9", "--colour", colour, "--json", *more).json["colours"]
        return next(iter(found.items()))

    name, values = first("disagreement")
    assert "k = 10" in name
    files = [np.load(f"{each}.npz") for each in "ab"]
    rows = [file["embedding"][np.argsort(file["ids"])] for file in files]
    np.testing.assert_allclose(values, neighbour_disagreement(rows, k=10), atol=0.2)
    name, values = first("element")
    assert set(values) <= {"O", "N", "F", "C", "H"}
    assert first("homo")[0] == "homo / eV"
    name, values = first("formula")
    formulas = load_dataset("qm9", n=50).groups["formula"]
    assert (name, values) == ("formula", [formulas[i] for i in sorted(molecules)])
    Path("activity.csv").write_text("id,pic50,other\n" + "".join(f"{i},{n},1\n" for n, i in enumerate(molecules)))
    name, values = first("activity.csv:pic50")
    assert (name, values) == ("pic50", [float(molecules.index(i)) for i in sorted(molecules)])


def test_the_page_has_a_picture_and_a_geometry_of_every_sample_once(run: Run, molecules: list[str]) -> None:
    assert run("map", "a.npz", "b.npz", "--samples", "qm9", "-o", "m.html").code == 0
    page = Path("m.html").read_text("utf-8")
    data, names = island(page, "data"), island(page, "names")
    assert names["ids"] == sorted(molecules)
    places = {one["name"]: np.frombuffer(base64.b64decode(one["x"]), "<u2") for one in data["maps"]}
    assert all(len(x) == 50 and x.min() == 0 and x.max() == 65535 for x in places.values())
    pictures = np.frombuffer(base64.b64decode(data["pictures"]), "<i2")
    assert sorted(pictures) == list(range(50))
    chunks = [one for number in range(2) for one in island(page, f"chunk-{number}")]
    sample = next(one for one in load_dataset("qm9", n=50) if one.id == names["ids"][7])
    svg, _, geometry = chunks[pictures[7]]
    assert f"<title>{sample.id}: {sample.smiles}" in svg
    assert geometry["z"] == sample.atoms.numbers.tolist()
    apart = np.reshape(geometry["p"], (-1, 3)) / 100
    np.testing.assert_allclose(apart - apart[0], sample.atoms.positions - sample.atoms.positions[0], atol=0.011)
    viewer = gzip.decompress(base64.b64decode(re.search(r'id="viewer-code">(.*?)</script>', page)[1]))  # type: ignore[index]
    released = "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016"  # 3Dmol-min.js of 3dmol 2.5.5
    assert hashlib.sha256(viewer).hexdigest() == released
    assert "University of Pittsburgh" in page
    plain = run("map", "a.npz", "b.npz", "--samples", "qm9", "--no-structures", "-o", "p.html")
    assert plain.code == 0
    small = Path("p.html").read_text("utf-8")
    assert len(small) < 60_000
    assert "<svg" not in small
    assert "viewer-code" not in small
    assert island(small, "names")["ids"] == sorted(molecules)


def test_the_same_map_is_the_same_page(run: Run, molecules: list[str]) -> None:
    for name in ("one.html", "two.html"):
        run("map", "a.npz", "--samples", "qm9", "-o", name)
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_atoms_are_points_of_their_own(run: Run) -> None:
    samples = load_dataset("qm9", n=8)
    ids = [f"{sample.id}#{i}" for sample in samples for i in range(len(sample.atoms))]
    np.savez("a.npz", embedding=np.random.default_rng(0).normal(size=(len(ids), 4)), ids=ids)
    assert run("map", "a.npz", "--per", "atom", "--samples", "qm9", "-o", "m.html").code == 0
    page = Path("m.html").read_text("utf-8")
    assert f"<h1>{len(ids)} atoms in 1 model</h1>" in page
    for words in ("Point at an atom, tap it", "go to the next atom in that direction", "No atom selected."):
        assert words in page
    assert "a sample" not in page
    assert island(page, "data")["one"] == "atom"  # that the script says
    pictures = np.frombuffer(base64.b64decode(island(page, "data")["pictures"]), "<i2")
    assert len(set(pictures.tolist())) == 8
    svg, places, _ = island(page, "chunk-0")[pictures[0]]
    owner = island(page, "names")["ids"][0].partition("#")[0]
    assert f"<title>{owner}: " in svg
    sample = next(one for one in samples if one.id == owner)
    assert set(map(int, places)) == set(range(len(sample.atoms)))


@pytest.mark.parametrize(("per", "name", "marked"), [("token", "qm9", False), ("residue", "proteins", True)])
def test_residues_are_marked_and_tokens_are_not(run: Run, per: str, name: str, marked: bool) -> None:
    ids = [f"{sample.id}#{i}" for sample in load_dataset(name, n=4) for i in range(3)]
    np.savez("a.npz", embedding=np.random.default_rng(0).normal(size=(12, 4)), ids=ids)
    assert run("map", "a.npz", "--per", per, "--samples", name, "-o", "m.html").code == 0
    page = Path("m.html").read_text("utf-8")
    assert f"12 {per}s in 1 model" in page
    assert f"Point at a {per}, tap it" in page
    assert all(bool(places) == marked for _, places, _ in island(page, "chunk-0"))
    failed = run("map", "a.npz", "--per", per, "--samples", name, "--chemiscope", "m.json")
    assert (failed.code, f"and not {per}s" in failed.err) == (2, True)


def test_of_many_points_some_are_shown(run: Run) -> None:
    rng = np.random.default_rng(0)
    n = MOST_DRAWN + 50
    np.savez("a.npz", embedding=rng.normal(size=(n, 3)), ids=[f"m{i}" for i in range(n)])
    ran = run("map", "a.npz", "--points", 100, "--json")
    assert len(ran.json["samples"]) == 100
    assert ran.json["total"] == n
    assert "100 of 3,050 points are shown" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.npz", "--colour", "nosuch"), "--colour nosuch: neither a file nor a label of these samples"),
        (("a.npz", "--colour", "disagreement"), "--colour disagreement needs two models or more"),
        (("a.npz", "--colour", "text.csv"), "--colour text.csv: row 2: 'red' in colour is not a number"),
        (("a.npz", "--colour", "others.csv"), "none of its ids is among those of the models"),
        (("a.npz", "-o", "map.svg"), "the page is a .html file, for example -o map.html"),
        (("a.npz", "--chemiscope", "map.gz"), "the file is .json or .json.gz, for example map.json.gz"),
        (("a.npz", "--chemiscope", "m.json"), "50 of 50 samples are unknown"),
        (("two.npz",), "a map needs three samples or more"),
        (("same.npz",), "same: all samples have the same embedding"),
        (("nan.npz",), "nan: 1 of 50 rows contain NaN or infinite numbers:"),
        (("a.npz", "two.npz"), "a map needs three samples or more that all models have; these have 2"),
    ],
)
def test_mistakes_are_one_line(run: Run, molecules: list[str], arguments: tuple[str, ...], message: str) -> None:
    x = np.load("a.npz")["embedding"]
    np.savez("two.npz", embedding=x[:2], ids=molecules[:2])
    np.savez("same.npz", embedding=np.ones((50, 3)), ids=molecules)
    np.savez("nan.npz", embedding=np.where(np.arange(50)[:, None] == 4, np.inf, x), ids=molecules)
    Path("text.csv").write_text(f"id,colour\n{molecules[0]},red\n")
    Path("others.csv").write_text("id,colour\nzzz,1\n")
    ran = run("map", *arguments)
    assert ran.code == 2
    assert message in ran.err.splitlines()[-1]
    assert not Path("map.html").exists()


def test_ids_and_categories_of_any_kind_stay_text(run: Run) -> None:
    ids = ["</script><script>alert(1)</script>", "b\u202ec", "日本", "d", "e"]
    np.savez("odd.npz", embedding=np.random.default_rng(0).normal(size=(5, 3)), ids=ids)
    assert run("map", "odd.npz", "-o", "m.html").code == 0
    page = Path("m.html").read_text("utf-8")
    assert "alert(1)" not in page
    assert "\u202e" not in page
    assert "日本" in island(page, "names")["ids"]
