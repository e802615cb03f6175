"""`hyle neighbours`: real molecules and crystals, and what a user can get wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hyle.zoo import load_dataset

Run = Callable[..., Any]


@pytest.fixture
def molecules(tmp_path: Path) -> list[str]:
    """Two files of embeddings of molecules of QM9 that agree on the neighbours of half of them, with their ids."""
    rng = np.random.default_rng(0)
    ids = load_dataset("qm9", n=60).ids
    x = rng.normal(size=(60, 5))
    y = np.vstack([x[:30], rng.normal(size=(30, 5))]) * 7
    np.savez(tmp_path / "a.npz", embedding=x, ids=ids)
    np.savez(tmp_path / "b.npz", embedding=y[::-1], ids=ids[::-1])
    return ids


def test_neighbours_are_the_nearest_rows_and_shared_ones_are_marked(run: Run, molecules: list[str]) -> None:
    ran = run("neighbours", molecules[3], "--models", "a.npz,b.npz", "--samples", "qm9", "-k", 4, "--json")
    found = ran.json
    assert (found["n"], found["k"], found["chance"]) == (60, 4, 4 / 59)
    near = {}
    for name in "ab":
        file = np.load(f"{name}.npz")
        ids = file["ids"].tolist()
        distances = cdist(file["embedding"], file["embedding"], "cosine")[ids.index(molecules[3])]
        order = np.argsort(distances)[1:5]
        near[name] = [ids[i] for i in order]
        assert [one["id"] for one in found["models"][name]] == near[name]
        np.testing.assert_allclose([one["distance"] for one in found["models"][name]], distances[order], atol=1e-9)
    both = set(near["a"]) & set(near["b"])
    assert both
    assert set(found["shared"]) == both
    assert {one["id"] for one in found["models"]["a"] if one["also_in"] == ["b"]} == both
    smiles = {sample.id: sample.smiles for sample in load_dataset("qm9", n=60)}
    assert all(one["what"] == smiles[one["id"]] for one in found["models"]["b"])
    table = run("neighbours", molecules[3], "--models", "a.npz,b.npz", "--samples", "qm9", "-k", 4).out
    assert table.count("in 2 of 2") == 2 * len(both)
    assert smiles[near["a"][0]] in table


def test_the_page_has_every_neighbour_drawn(run: Run, molecules: list[str], tmp_path: Path) -> None:
    arguments = ("neighbours", molecules[3], "--models", "a.npz,b.npz", "--samples", "qm9", "-o", "n.html")
    assert run(*arguments).err.endswith("wrote n.html\n")
    page = Path("n.html").read_text("utf-8")
    assert page.count("<svg") == 11
    assert page.count("<title>qm9-") == 11
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert run(*arguments).err.endswith("replaced n.html\n")
    Path("mine.html").write_text("mine")
    assert run(*arguments[:-1], "mine.html").code == 2
    assert Path("mine.html").read_text() == "mine"


def test_samples_of_files_are_shown_from_a_table_with_ids(run: Run, molecules: list[str]) -> None:
    rows = "".join(f"C{'C' * i},{name}\n" for i, name in enumerate(molecules))
    Path("molecules.csv").write_text(f"smiles,name\n{rows}")
    ran = run("neighbours", molecules[0], "--models", "a.npz", "--samples", "molecules.csv:name", "--json")
    assert ran.json["what"] == "C"
    alone = run("neighbours", molecules[0], "--models", "a.npz")
    assert alone.code == 0
    assert "samples are shown as ids" in alone.err
    assert "--samples FILE" in alone.err


def test_atoms_have_neighbours_too(run: Run, tmp_path: Path) -> None:
    samples = load_dataset("qm9", n=8)
    ids = [f"{sample.id}#{i}" for sample in samples for i in range(3)]
    np.savez(tmp_path / "a.npz", embedding=np.random.default_rng(0).normal(size=(24, 4)), ids=ids)
    arguments = ("neighbours", ids[4], "--models", "a.npz", "--per", "atom", "--samples", "qm9", "-o", "n.html")
    found = run(*arguments, "--json").json
    assert all("#" in one["id"] for one in found["models"]["a"])
    assert found["what"] == samples[1].smiles
    assert "Which atoms the model takes to be most similar to it." in Path("n.html").read_text("utf-8")
    assert "k = 5 of 24 atoms, cosine distance" in run(*arguments[:-2]).out
    assert Path("n.html").read_text("utf-8").count('stroke="#e8590c"') == 6  # the marked atom, once in each picture


def test_residues_have_sequence_logos(run: Run) -> None:
    chain = load_dataset("proteins", n=1).samples[0]
    sequence = chain.sequence or ""
    ids = [f"{chain.id}#{i}" for i in range(len(sequence))]
    # The first model sees the residue alone, the second its place in the chain.
    kinds = sorted(set(sequence))
    of_kind = np.eye(len(kinds))[[kinds.index(letter) for letter in sequence]]
    noise = 1e-3 * np.random.default_rng(0).normal(size=(len(ids), len(kinds)))
    angle = np.linspace(0, 2, len(ids))
    np.savez("kind.npz", embedding=of_kind + noise, ids=ids)
    np.savez("place.npz", embedding=np.stack([np.cos(angle), np.sin(angle)], 1), ids=ids)
    often = max(kinds, key=sequence.count)
    arguments = ("neighbours", ids[sequence.index(often)], "--models", "kind.npz,place.npz", "--per", "residue")
    run(*arguments, "--samples", "proteins", "-k", 6, "-o", "n.html")
    page = Path("n.html").read_text("utf-8")
    logos = re.findall(r"<svg[^>]*><title>sequence logo of 6 sequences.*?</svg>", page)
    assert len(logos) == 2
    tallest = [
        max((float(s), letter) for s, letter in re.findall(r"scale\(1 ([\d.]+)\)[^>]*>(\w)", one)) for one in logos
    ]
    assert tallest[0][1] == often
    run(*arguments, "--samples", "proteins", "-k", 4, "-o", "few.html")
    assert "sequence logo" not in Path("few.html").read_text("utf-8")
    unknown = run("neighbours", "1abcA#0", *arguments[2:], "--samples", "proteins")
    assert unknown.code == 2
    assert "no residue is called '1abcA#0'; the closest ids are" in unknown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("qm9-00", "--models", "a.npz,b.npz"), "no sample is called 'qm9-00'; the closest ids are 'qm9-"),
        (("", "--models", "a.npz"), "no sample is called ''; the closest ids are"),
        (
            ("FIRST", "--models", "a.npz", "-k", "60"),
            "have 60 samples in common, so that k is 1 to 59",
        ),
        (("FIRST", "--models", "nan.npz"), "nan: 1 of 60 rows contain NaN or infinite numbers:"),
        (("FIRST", "--models", "a.npz,other.npz"), "the models have no samples in common"),
        (("FIRST", "--models", "a.npz,one.npz"), "the models have 1 sample in common"),
        (("FIRST", "--models", "one.npz"), "one has 1 sample, which is too few"),
        (("LAST", "--models", "a.npz,half.npz"), "half has no sample"),
        (("FIRST", "--models", "a.npz", "-o", "n.pdf"), "the page is a .html file, for example -o n.html"),
        (("FIRST", "--models", "a.npz", "--samples", "proteins"), "--samples proteins has none of the"),
        (("FIRST", "--models", "a.npz", "--samples", "qm8"), "qm8"),
        (("FIRST", "--models", "nosuch"), "'nosuch' is neither a file nor a model"),
    ],
)
def test_mistakes_are_one_line(run: Run, molecules: list[str], arguments: tuple[str, ...], message: str) -> None:
    x = np.load("a.npz")["embedding"]
    hole = x.copy()
    hole[7, 2] = np.nan
    np.savez("nan.npz", embedding=hole, ids=molecules)
    np.savez("other.npz", embedding=x, ids=[f"z{i}" for i in range(60)])
    np.savez("one.npz", embedding=x[:1], ids=molecules[:1])
    np.savez("half.npz", embedding=x[:30], ids=molecules[:30])
    named = {"FIRST": molecules[0], "LAST": molecules[-1]}
    ran = run("neighbours", *(named.get(argument, argument) for argument in arguments))
    assert ran.code == 2
    assert message in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


def test_identical_rows_and_odd_ids_are_no_problem(run: Run) -> None:
    ids = ["<script>alert(1)</script>", "b\u202ec", "日本 & 'q'", "d#1", "e"]
    np.savez("same.npz", embedding=np.ones((5, 3)), ids=ids)
    ran = run("neighbours", ids[0], "--models", "same.npz", "-k", 2, "-o", "n.html")
    assert ran.code == 0
    assert "further samples are as near as the last one" in ran.out
    page = Path("n.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "\u202e" not in page
