"""`hyle contested`, from the command line to its output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hyle.engine.analysis import sample_agreement
from hyle.zoo import Representation, load_dataset, write_embeddings

Run = Callable[..., Any]
N = 90


@pytest.fixture
def panel(tmp_path: Path) -> dict[str, np.ndarray]:
    """Six models of molecules of QM9 as files, in which the first five samples have private rows in every model."""
    rng = np.random.default_rng(0)
    ids = load_dataset("qm9", n=N).ids
    shared = rng.normal(size=(N, 3))
    models = {}
    for name in "abcdef":
        own = shared.copy()
        own[:5] = rng.normal(size=(5, 3))
        models[name] = (own @ rng.normal(size=(3, 8)) + 0.2 * rng.normal(size=(N, 8))).astype("float32")
        order = rng.permutation(N)
        np.savez(tmp_path / f"{name}.npz", embedding=models[name][order], ids=np.array(ids)[order])
    return models


def files(names: str) -> list[str]:
    return [f"{name}.npz" for name in names]


def test_contested_samples_are_listed_with_their_statistics(run: Run, panel: dict[str, np.ndarray]) -> None:
    ran = run("contested", *files("abcdef"), "-k", 8, "-n", 5, "--samples", "qm9", "--json")
    found = ran.json
    ids = load_dataset("qm9", n=N).ids
    # Rows are joined in the order of their ids, on which the permutations depend.
    order = np.argsort(ids)
    expected = sample_agreement([x[order] for x in panel.values()], k=8)
    assert [row["id"] for row in found["contested"]] == [sorted(ids)[i] for i in np.argsort(expected.deviation)[:5]]
    assert len({row["id"] for row in found["contested"]} & set(ids[:5])) >= 4
    assert found["contested"][0]["q"] < 0.05 < found["agreed"][0]["q"]
    at = sorted(ids).index(found["contested"][0]["id"])
    for name in ("agreement", "expected", "deviation", "p", "q", "agreed_p", "agreed_q"):
        assert found["contested"][0][name] == pytest.approx(getattr(expected, name)[at])
    assert found["contested"][0]["by_model"]["c"] == pytest.approx(expected.by_model[2, at])
    assert found["reliability"]["halves"] == pytest.approx(expected.reliability.halves)
    assert (found["n"], found["families"], found["k"], found["form"]) == (N, 6, 8, "neighbours")
    smiles = {sample.id: sample.smiles for sample in load_dataset("qm9", n=N)}
    assert all(row["sample"] == smiles[row["id"]] for row in found["contested"])
    assert "wrote" not in ran.err


def test_the_text_says_how_many_and_how_reliable(run: Run, panel: dict[str, np.ndarray]) -> None:
    text = run("contested", *files("abcdef"), "-k", 8, "-n", 3).out
    assert "Agreement on 90 samples, by the share of common nearest neighbours (k = 8, cosine): 6 models of 6" in text
    assert "reliability of the order: " in text
    assert "Most contested" in text
    assert "Most agreed" in text
    assert "samples, less than expected of samples like them (q <= 0.05)" in text
    for form in ("pnka", "cka"):
        assert "Most contested" in run("contested", *files("abcd"), "--metric", form, "-n", 2).out
    few = run("contested", *files("abc"), "-k", 8, "-n", 3).out
    assert "no test and no reliability: 3 families" in few
    assert run("contested", *files("ab"), "--json").json["contested"][0]["q"] is None


def test_samples_are_those_of_the_recipe_with_their_formulas_as_strata(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = load_dataset("qm9", n=N)
    groups = {"formula": [data.groups["formula"][i] for i in data.ids]}
    shared = rng.normal(size=(N, 3))
    for name in "abcd":
        rows = (shared @ rng.normal(size=(3, 6)) + 0.2 * rng.normal(size=(N, 6))).astype("float32")
        write_embeddings(Representation(name, rows, data.ids, data.recipe, groups=groups), tmp_path / f"{name}.npz")
    text = run("contested", *files("abcd"), "-n", 3, "--beyond", "formula:qm9").out
    assert "more than by chance among samples of one formula" in text
    found = run("contested", *files("abcd"), "-n", 3, "--json", "--beyond", "none").json
    assert (found["n_beyond"], found["contested"][0]["beyond_p"]) == (None, None)
    smiles = {sample.id: sample.smiles for sample in data}
    assert [row["sample"] for row in found["contested"]] == [smiles[row["id"]] for row in found["contested"]]


def test_families_are_those_of_a_file(run: Run, tmp_path: Path, panel: dict[str, np.ndarray]) -> None:
    (tmp_path / "families.csv").write_text("model,family\na,one\nb,one\nc,two\n")
    found = run("contested", *files("abcd"), "--families", "families.csv", "--json").json
    assert found["families"] == 3
    assert [each["family"] for each in found["models"]] == ["one", "one", "two", "d"]


def test_files_of_all_samples_and_of_structures(run: Run, tmp_path: Path, panel: dict[str, np.ndarray]) -> None:
    command = ("contested", *files("abcdef"), "-k", 8, "-n", 4, "--samples", "qm9")
    assert "wrote all.csv" in run(*command, "-o", "all.csv").err
    assert "replaced all.csv" in run(*command, "--select", 6, "-o", "all.csv").err
    table = pd.read_csv(tmp_path / "all.csv")
    assert len(table) == N
    assert table["deviation"].is_monotonic_increasing
    assert sorted(table["selected"].dropna()) == [1, 2, 3, 4, 5, 6]
    assert table["selected"][0] == 1
    found = run(*command, "--select", 6, "-o", "all.json", "--json").json
    assert found["selected"] == table.dropna(subset="selected").sort_values("selected")["id"].tolist()
    assert len((tmp_path / "all.json").read_text().split('"agreed_q"')) == N + 1
    run(*command, "-o", "some.smi")
    lines = (tmp_path / "some.smi").read_text().splitlines()
    assert [line.split()[1] for line in lines] == table["id"][:4].tolist()
    assert lines[0].split()[0] == table["sample"][0]
    run(*command, "--select", 6, "-o", "some.xyz")
    from ase.io import read

    frames = read(tmp_path / "some.xyz", ":")
    assert [atoms.info["id"] for atoms in frames] == found["selected"]
    known = {sample.id: sample.atoms for sample in load_dataset("qm9", n=N)}
    assert np.allclose(frames[0].positions, known[found["selected"][0]].positions, atol=1e-6)
    assert frames[0].info["agreement"] == pytest.approx(table["agreement"][0])


def test_the_page_has_both_ends_drawn(run: Run, panel: dict[str, np.ndarray]) -> None:
    arguments = ("contested", *files("abcdef"), "-k", 8, "-n", 4, "--samples", "qm9")
    ran = run(*arguments, "--explain", "-o", "contested.html")
    assert ran.err.endswith("wrote contested.html\n")
    page = Path("contested.html").read_text("utf-8")
    assert page.count("<title>qm9-") == 8
    assert page.count("<circle cx=") == N
    assert "What contested samples have in common" in page
    assert "Contested: " in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    chosen = run(*arguments, "--select", 3, "-o", "selected.html", "--json").json["selected"]
    assert len(chosen) == 3
    selected = Path("selected.html").read_text("utf-8")
    assert "Selected for labelling" in selected
    assert all(i in selected for i in chosen)


def test_errors_are_predicted_or_not(run: Run, tmp_path: Path, panel: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    table = pd.read_csv(run("contested", *files("abcdef"), "-k", 8, "-o", "all.csv") and tmp_path / "all.csv")
    size = np.exp(-8 * table["agreement"])
    errors = pd.DataFrame({"id": table["id"], "a": size * rng.normal(size=N), "b": size * rng.normal(size=N)})
    errors.to_csv(tmp_path / "errors.csv", index=False)
    command = ("contested", *files("abcdef"), "-k", 8, "--errors", "errors.csv", "--samples", "qm9")
    text = run(*command).out
    assert "Rank correlation with the absolute error, the number of atoms held fixed" in text
    assert "Yes, models have larger errors on samples that they disagree on (mean rank correlation" in text
    found = run(*command, "--json").json["errors"]
    assert (found["verdict"], found["n"], found["partial"]) == ("yes", N, True)
    names = [each["name"] for each in found["predictions"]]
    assert names[0] == "disagreement"
    assert "spread of the predictions" in names
    assert "distance to the neighbours, in the model" in names
    errors[["a", "b"]] = rng.normal(size=(N, 2))
    errors[:30].to_csv(tmp_path / "errors.csv", index=False)
    assert "is inconclusive" in run(*command).out


def test_unusual_ids_and_repeated_rows(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4)).astype("float32")
    x[20:] = x[:20]
    ids = [f'α {i}, "{i}"' for i in range(40)]
    for name in "abcd":
        np.savez(tmp_path / f"{name}.npz", embedding=x, ids=ids)
    found = run("contested", *files("abcd"), "-o", "out.csv", "--select", 30, "--json").json
    assert len(found["selected"]) == 20
    assert set(pd.read_csv(tmp_path / "out.csv")["id"]) == set(ids)
    assert found["agreement"] == pytest.approx(1)
    assert "Most contested" in run("contested", *files("abcd")).out


def test_mistakes(mistake: Callable[..., str], tmp_path: Path, panel: dict[str, np.ndarray]) -> None:
    four = files("abcd")
    assert "two representations or more" in mistake("contested", "a.npz")
    assert "-k 90 is too many for 90 samples: use 1 to 89" in mistake("contested", *four, "-k", 90)
    assert "the suffix must be one of .html, .csv, .json, .smi, .xyz" in mistake("contested", *four, "-o", "out.pdf")
    assert "unknown what the samples are" in mistake("contested", *four, "-o", "out.xyz")
    assert "--select 91: there are only 90 samples" in mistake("contested", *four, "--select", 91)
    (tmp_path / "bad.csv").write_text("id,z\nqm9-0,1\n")
    assert "'z' is not compared; compared are a, b, c, d" in mistake("contested", *four, "--errors", "bad.csv")
    (tmp_path / "bad.csv").write_text("id,a\nother,1\n")
    assert "no id is that of a compared sample: 'other'" in mistake("contested", *four, "--errors", "bad.csv")
    (tmp_path / "bad.csv").write_text("model,family\nz,one\n")
    assert "--families: 'z' is not compared" in mistake("contested", *four, "--families", "bad.csv")
    (tmp_path / "one.csv").write_text("model,family\na,x\nb,x\nc,x\nd,x\n")
    assert "all models are of one family" in mistake("contested", *four, "--families", "one.csv")
    assert "has none of the 90 compared samples" in mistake("contested", *four, "--samples", "mptrj")
    (tmp_path / "mine.smi").write_text("CCO\n")
    assert "nothing in it shows that hyle wrote it" in mistake("contested", *four, "-o", "mine.smi")
    np.savez(tmp_path / "flat.npz", embedding=np.ones((N, 3)), ids=load_dataset("qm9", n=N).ids)
    assert "flat: all 90 rows are equal" in mistake("contested", "a.npz", "flat.npz")
    np.savez(tmp_path / "few.npz", embedding=np.eye(6, 3), ids=load_dataset("qm9", n=6).ids)
    assert "6 samples are too few" in mistake("contested", "few.npz", "a.npz")


def test_the_distance_to_training_data_is_among_what_may_predict_errors(run: Run, tmp_path: Path, mistake: Any) -> None:
    models = ("composition", "morgan", "random")
    for dataset in ("freesolv", "solubility"):
        run("embed", *models, "--dataset", dataset, "-n", 60)
    ids = load_dataset("freesolv", n=60).ids
    errors = pd.DataFrame({"id": ids, "morgan": np.random.default_rng(0).normal(size=60)})
    errors.to_csv(tmp_path / "errors.csv", index=False)
    (tmp_path / "families.csv").write_text("model,family\ncomposition,a\nmorgan,b\nrandom,c\n")
    panel = ("contested", *models, "--dataset", "freesolv", "--families", "families.csv")
    command = (*panel, "--errors", "errors.csv", "--training-data")
    ran = run(*command, "solubility", "--explain", "--json")
    assert "not known to be trained on solubility" in ran.err
    found = ran.json["errors"]
    names = [each["name"] for each in found["predictions"]]
    assert "distance to the training data, in the model" in names
    assert "few dimensions around the sample, in the model" in names
    explained = [each["name"] for each in ran.json["explanation"]["descriptors"]]
    assert "distance to the nearest composition of the training data" in explained
    assert "60 of the compared samples are in it" in mistake(*command, "freesolv")
    assert "hyle embed composition morgan random --dataset qm9" in mistake(*command, "qm9")
    assert "add one of them" in mistake(*panel, "--training-data", "solubility")
