"""`hyle embed --per` and `hyle compare --per`: rows of atoms, tokens and residues."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rdkit")

Run = Callable[..., Any]

# Two models of molecules: one reads characters, the other atoms with all hydrogens.
MODELS = """
import zlib

import numpy as np

from hyle.zoo import Adapter, Output


def vector(text):
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=6)


class Characters(Adapter):
    view, pooling, layers = "smiles", "mean", ("rows",)

    def forward(self, samples, layer):
        rows = [[vector(s.smiles[max(0, i - 1) : i + 2]) for i in range(len(s.smiles))] for s in samples]
        return Output(np.concatenate(rows).astype(np.float32), [len(each) for each in rows])

    def token_spans(self, sample):
        return [(i, i + 1) for i in range(len(sample.smiles))]


class Atoms(Adapter):
    view, pooling, layers = "atoms", "mean", ("rows",)

    def forward(self, samples, layer):
        rows = []
        for s in samples:
            distances = s.atoms.get_all_distances()
            near = np.exp(-((distances[:, :, None] - np.array([1.0, 1.5, 2.5])) ** 2) * 4)
            of = np.stack([vector(x) for x in s.atoms.get_chemical_symbols()])
            rows.append(np.concatenate([of, np.einsum("ijr,jd->ird", near, of).reshape(len(of), -1)], 1))
        return Output(np.concatenate(rows).astype(np.float32), [len(each) for each in rows])


class Unplaced(Adapter):
    view, pooling, layers = "smiles", "mean", ("rows",)

    def __init__(self, card, files, device="cpu"):
        raise AssertionError("it was loaded")

    def forward(self, samples, layer):
        raise NotImplementedError


class Whole(Adapter):
    view, pooling, layers = "smiles", "none", ("rows",)

    def forward(self, samples, layer):
        return Output(np.stack([vector(s.smiles) for s in samples]))
"""
N = ("-n", 40)


@pytest.fixture(autouse=True)
def models(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODELS)
    monkeypatch.delitem(sys.modules, "mine", raising=False)


@pytest.fixture
def embedded(run: Run) -> None:
    assert run("embed", "mine:Characters", "mine:Atoms", "--per", "atom", *N).code == 0


def test_atoms_of_strings_and_structures_are_joined(run: Run, embedded: None) -> None:
    assert run("embed", "mine:Characters", "mine:Atoms", *N).code == 0  # rows of samples stay apart
    options = ("--metrics", "mutual_knn", "-k", 5, "--permutations", 39, "--intervals", 5)
    made = run("compare", "mine:Characters", "mine:Atoms", "--per", "atom", *options)
    assert made.code == 0
    assert "atoms by id;" in made.err
    assert "samples are the units of p-values and intervals; permutations exchange atoms of one element" in made.err
    assert "--per" not in run("compare", "mine:Characters", "mine:Atoms", "--metrics", "cka").err
    per = run("compare", "mine:Characters", "mine:Atoms", "--per", "atom", *options, "--json").json
    assert per["recipe"]["per"] == "atom"
    assert per["n"] < per["rows"]["mine:Atoms"]  # without hydrogens
    assert per["recipe"]["models"]["mine:Characters"]["nodes"].startswith("heavy atoms in RDKit's order")


def test_one_element_and_each_element(run: Run, embedded: None) -> None:
    options = ("compare", "--per", "atom", "--metrics", "cka", "--permutations", 0, "--json")
    oxygen = run(*options, "--where", "element=O").json
    each = run(*options, "--by", "element", "-k", 5).json
    assert each["rows"]["O"] == oxygen["n"]
    score = {row["element"]: row["value"] for row in each["results"] if row["metric"] == "cka"}
    assert score["O"] == pytest.approx(next(r["value"] for r in oxygen["results"] if r["metric"] == "cka"))
    assert each["skipped"].get("F", 0) < 10
    for suffix in (".csv", ".svg"):
        assert run(*options[:-1], "--by", "element", "-k", 5, "-o", f"by{suffix}").code == 0
        assert Path(f"by{suffix}").stat().st_size > 200


def test_half_precision_and_tokens(run: Run) -> None:
    assert run("embed", "mine:Characters", "--per", "token", "--dtype", "float16", "-o", "half.npz", *N).code == 0
    half = np.load("half.npz")["embedding"]
    assert run("embed", "mine:Characters", "--per", "token", "-o", "single.npz", *N).code == 0
    single = np.load("single.npz")["embedding"]
    assert (half.dtype, single.dtype) == (np.float16, np.float32)
    np.testing.assert_allclose(half, single, rtol=1e-3, atol=1e-3)


def test_files_of_atoms(run: Run) -> None:
    for name in ("Characters", "Atoms"):
        assert run("embed", f"mine:{name}", "--per", "atom", "-o", f"{name}.npz", *N).code == 0
    made = run("compare", "Characters.npz", "Atoms.npz", "--per", "atom", "--metrics", "cka", "--permutations", 19)
    assert made.code == 0
    assert "samples are the units of p-values and intervals" in made.err
    np.savez("plain.npz", embedding=np.zeros((4, 2)), ids=list("abcd"))
    wrong = run("compare", "Characters.npz", "plain.npz", "--per", "atom")
    assert wrong.code == 2
    assert "'a' is not the id of an atom, residue or token" in wrong.err or "no sample is common" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("embed", "mine:Whole", "--per", "atom"), "returns one vector per sample and none per atom"),
        (("embed", "mine:Unplaced", "--per", "atom"), "which atoms its rows stand for; it has rows per token"),
        (("embed", "minilm", "--per", "atom"), "minilm does not say which atoms its rows stand for; it has rows per"),
        (("compare", "minilm", "--per", "atom"), "minilm does not say which atoms its rows stand for"),
        (("embed", "mine:Atoms", "--per", "residue"), "has no rows per residue; it has rows per atom"),
        (("embed", "mine:Atoms", "--per", "atom", "--pooling", "sum"), "omit the pooling 'sum'"),
        (("compare", "--per", "atom"), "has no embeddings with rows per atom; to make some: hyle embed"),
        (("compare", "a.npz", "b.npz", "--where", "element"), "use KIND=LABEL, such as element=O"),
        (("compare", "a.npz", "b.npz", "--where", "colour=red"), "use KIND=LABEL, such as element=O"),
        (("compare", "a.npz", "b.npz", "--by", "element", "--sweep", "k=2,3"), "--by compares the rows of each label"),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    made = run(*arguments, *(N if arguments[0] == "embed" else ()))
    assert made.code == 2
    assert message in made.err
    assert "Traceback" not in made.err


def test_unknown_labels_are_named(run: Run, embedded: None) -> None:
    wrong = run("compare", "--per", "atom", "--where", "element=Xe")
    assert wrong.code == 2
    assert "--where element=Xe: no row is of it; the most common: C (" in wrong.err
    wrong = run("compare", "--per", "atom", "--by", "element", "-k", 200)
    assert "no element has the 400 rows that this comparison needs" in wrong.err
