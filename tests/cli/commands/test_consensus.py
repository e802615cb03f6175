"""`hyle consensus`, from files to a file that other commands read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import panel_labels, shared_part
from hyle.zoo import Representation, load_dataset, read_embeddings

Run = Callable[..., Any]


@pytest.fixture
def panel(tmp_path: Path) -> np.ndarray:
    """Three models of one shared coordinate, a copy of the first, and one of noise; rows in different orders."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 1))
    ids = np.array([f"é{i:02d}" for i in range(80)])
    for name in "abc":
        rows = np.hstack([z + 0.2 * rng.normal(size=(80, 1)), rng.normal(size=(80, 5))])
        order = rng.permutation(80)
        np.savez(tmp_path / f"{name}.npz", embedding=rows[order].astype("float32"), ids=ids[order])
    (tmp_path / "copy.npz").write_bytes((tmp_path / "a.npz").read_bytes())
    np.savez(tmp_path / "noise.npz", embedding=rng.normal(size=(80, 4)), ids=ids)
    lines = [f"{i},{value},{rng.normal()}" for i, value in zip(ids, z[:, 0], strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,z,noise", *lines]), "utf-8")
    return z[:, 0]


def test_the_shared_part_is_a_file_of_embeddings(run: Run, panel: np.ndarray) -> None:
    ran = run("consensus", "a.npz", "b.npz", "c.npz", "-o", "shared.npz", "--permutations", 39)
    assert ran.code == 0, ran.err
    assert "3 models share 1 coordinate on 80 samples" in ran.out
    assert "wrote shared.npz" in ran.err
    made = read_embeddings("shared.npz")
    by_id = dict(zip(made.ids, made.embedding[:, 0], strict=True))
    assert abs(np.corrcoef([by_id[f"é{i:02d}"] for i in range(80)], panel)[0, 1]) > 0.95
    assert made.recipe["rank"] == 1
    assert list(made.recipe["models"]) == ["a", "b", "c"]
    compared = run("compare", "shared.npz", "a.npz", "--metrics", "cka", "--permutations", 19, "--json")
    assert compared.json["results"][0]["value"] > 0.2
    assert run("dimension", "shared.npz", "--json").json[0]["width"] == 1
    assert run("consensus", "a.npz", "b.npz", "-o", "shared.npz", "--rank", 1).code == 0  # hyle wrote it


def test_probes_of_a_file_of_labels(run: Run, panel: np.ndarray) -> None:
    arguments = ("consensus", "a.npz", "b.npz", "c.npz", "--rank", 1, "--probe", "labels.csv:z")
    found = run(*arguments, "--json").json
    assert found["rank_tested"] is False
    probe = found["probes"]["z"]
    assert probe["parts"]["shared part"]["value"] > probe["parts"]["best model"]["value"] > 0.8
    assert probe["verdict"] in ("shared part better", "no difference found")
    assert found["models"]["a"]["recovered"] > 0.8
    text = run(*arguments).out
    assert probe["verdict"] in text
    assert "Against the best single model, the shared part predicts" in text
    noise = run(*arguments[:-1], "labels.csv:noise").out
    assert "no part predicts it" in noise


def test_copies_and_siblings_have_one_vote(run: Run, mistake: Callable[..., str], panel: np.ndarray) -> None:
    assert "one has a vote" in mistake("consensus", "a.npz", "copy.npz")
    assert "one has a vote" in mistake("consensus", "a.npz", "b.npz", "--siblings", "a,b")
    found = run("consensus", "a.npz", "copy.npz", "b.npz", "--siblings", "a,copy", "--rank", 1, "--json").json
    assert found["families"] == 2
    assert "there is no 'd'" in mistake("consensus", "a.npz", "b.npz", "--siblings", "a,d")


@pytest.fixture
def atoms(tmp_path: Path) -> np.ndarray:
    """Two models of the four atoms of each of 30 structures, which share a number of the structure; and that number."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=30)
    ids = np.array([f"s{i:02d}#{number}" for i in range(30) for number in range(4)])
    for name in "pq":
        rows = np.hstack([np.repeat(z, 4)[:, None], rng.normal(size=(120, 5))]) + 0.1 * rng.normal(size=(120, 6))
        order = rng.permutation(120)
        np.savez(tmp_path / f"{name}.npz", embedding=rows[order].astype("float32"), ids=ids[order])
    lines = [f"s{i:02d},{value}" for i, value in enumerate(z)]
    (tmp_path / "z.csv").write_text("\n".join(["id,z", *lines]))
    return z


def test_atoms_are_held_out_and_permuted_with_their_structures(run: Run, atoms: np.ndarray) -> None:
    command = ("consensus", "p.npz", "q.npz", "--permutations", 39)
    found = run(*command, "--per", "atom", "--probe", "z.csv:z", "-o", "shared.npz", "--json").json
    assert (found["n"], found["per"], found["groups"], found["groups_kind"]) == (120, "atom", 30, "sample")
    assert found["rank"] == 1
    assert (found["probes"]["z"]["n"], found["probes"]["z"]["groups"]) == (120, 30)
    assert found["probes"]["z"]["parts"]["shared part"]["value"] > 0.9
    assert found["recipe"]["per"] == "atom"
    made = read_embeddings("shared.npz")
    planted = [atoms[int(i[1:3])] for i in made.ids]
    assert abs(np.corrcoef(made.embedding[:, 0], planted)[0, 1]) > 0.95
    text = run(*command, "--per", "atom", "--probe", "z.csv:z", "--rank", 1).out
    assert "2 models share 1 coordinate on 120 atoms of 30 samples" in text
    assert "R² of ridge probes on held-out samples, five folds" in text
    alone = run(*command, "--per", "atom", "--groups", "none", "--rank", 1, "--json").json
    assert (alone["groups"], alone["groups_kind"]) == (120, "")
    assert run("compare", "shared.npz", "p.npz", "--per", "atom", "--metrics", "cka", "--permutations", 0).code == 0


def test_rows_are_selected_by_what_they_are(run: Run, mistake: Callable[..., str], atoms: np.ndarray) -> None:
    half = ",".join(f"s{i:02d}" for i in range(15))
    found = run("consensus", "p.npz", "q.npz", "--per", "atom", "--where", f"sample={half}", "--rank", 1, "--json").json
    assert (found["n"], found["groups"]) == (60, 15)
    assert "it is unknown of the rows" in mistake("consensus", "p.npz", "q.npz", "--where", "element=O")
    np.savez("plain.npz", embedding=np.eye(4), ids=list("abcd"))
    assert "'a' is not the id of an atom" in mistake("consensus", "plain.npz", "plain.npz", "--per", "atom")


def test_nothing_shared_is_said_and_not_written(run: Run, panel: np.ndarray) -> None:
    ran = run("consensus", "a.npz", "noise.npz", "--permutations", 39, "-o", "shared.npz")
    assert "2 models share nothing on 80 samples" in ran.out
    assert ran.code == 2
    assert "nothing was written to shared.npz" in ran.err
    assert not Path("shared.npz").exists()
    assert run("consensus", "a.npz", "noise.npz", "--permutations", 39, "--json").json["rank"] == 0


def test_mistakes(mistake: Callable[..., str], panel: np.ndarray) -> None:
    assert "at least two representations" in mistake("consensus", "a.npz")
    assert "labels as FILE.csv:COLUMN" in mistake("consensus", "a.npz", "b.npz", "--rank", 1, "--probe", "all")
    assert "there is no file labelz.csv" in mistake("consensus", "a.npz", "b.npz", "--probe", "labelz.csv:z")
    assert "no column 'q'" in mistake("consensus", "a.npz", "b.npz", "--rank", 1, "--probe", "labels.csv:q")
    assert "suffix must be one of" in mistake("consensus", "a.npz", "b.npz", "-o", "shared.txt")
    np.savez("bad.npz", embedding=np.full((80, 2), np.nan), ids=[f"é{i:02d}" for i in range(80)])
    not_finite = "bad: 80 of 80 rows contain NaN or infinite numbers: 'é00', 'é01', 'é02', ...; remove"
    assert not_finite in mistake("consensus", "a.npz", "bad.npz")
    Path("groups.csv").write_text("id,group\né00,x\n", "utf-8")
    assert "has no group" in mistake("consensus", "a.npz", "b.npz", "--groups", "groups.csv")
    np.savez("few.npz", embedding=np.eye(5), ids=[f"é{i:02d}" for i in range(5)])
    assert "5 groups of samples: at least 10" in mistake("consensus", "a.npz", "few.npz")


def test_labels_of_a_data_set_and_those_that_are_the_same() -> None:
    data = load_dataset("qm9", n=60)
    rng = np.random.default_rng(0)
    recipe = {"dataset": "qm9", "dataset_version": data.version, "ids": data.ids_from}
    panel = [Representation(name, rng.normal(size=(60, 3)), data.ids, recipe) for name in "ab"]
    part = shared_part(panel, rank=1)
    labels = panel_labels("all", part.ids, panel)
    assert {"gap", "mu", "alpha", "u0"} & set(labels) == {"gap", "mu", "alpha"}  # energy is u0 up to a shift
    gaps = {sample.id: sample.labels["gap"] for sample in data}
    assert labels["gap"].tolist() == [gaps[i] for i in part.ids]
    assert part.representation is not None
    assert part.representation.recipe["dataset_version"] == data.version
