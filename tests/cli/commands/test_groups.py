"""Groups of samples by what they are, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from hyle.cli.comparison import energy_errors
from hyle.engine import compare
from hyle.zoo import Dataset, Representation, Sample, load_dataset

Run = Callable[..., Any]


@pytest.fixture
def conformers(tmp_path: Path) -> Path:
    """Twenty alkanes and alcohols, four times each."""
    smiles = ["C" * n + end for n in range(1, 11) for end in ("", "O")] * 4
    pd.DataFrame({"id": [f"m{i}" for i in range(80)], "smiles": smiles}).to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


def test_repeats_are_said_warned_of_and_offered_as_groups(run: Run, conformers: Path, tmp_path: Path) -> None:
    ran = run("embed", "composition", "random", "--dataset", "mine.csv", "--json")
    assert "mine.csv: 80 samples of 20 molecular graphs, 20 formulas, 20 compositions, 20 scaffolds" in ran.err
    kinds = dict.fromkeys(("structure", "formula", "composition", "scaffold"), 20)
    assert ran.json[0]["groups"] == kinds | {"elements": 2}
    warning = "80 samples of 20 molecular graphs: p-values and intervals treat all samples as independent"
    command = ("compare", "composition", "random", "--metrics", "cka", "--json")
    ran = run(*command, "--groups", "none")
    assert f"warning: {warning}" in ran.err
    assert warning in ran.json["recipe"]["repeats"]
    assert ran.json["recipe"]["groups"] == 0
    assert warning not in run(*command, "--groups", "none", "--permutations", 0).err
    ran = run(*command, "--groups", "structure")
    assert warning not in ran.err
    assert ran.json["recipe"]["groups"] == 20
    assert ran.json["recipe"]["permuted"] == "within"
    of_data_set = run(*command, "--groups", "structure:mine.csv")
    assert of_data_set.json["results"] == ran.json["results"]


def test_states_of_one_thing_are_the_units_by_default(run: Run, conformers: Path) -> None:
    run("embed", "composition", "morgan", "--dataset", "mine.csv")
    command = ("compare", "composition", "morgan", "--metrics", "mutual_knn", "-k", 9, "--json")
    ran = run(*command, "--intervals", 10)
    assert "note: 80 samples of 20 molecular graphs: molecular graphs are the units of p-values" in ran.err
    assert ran.json["recipe"]["groups_kind"] == "structure"
    assert ran.json["recipe"]["permuted"] == "whole"
    same = run(*command, "--intervals", 10, "--groups", "structure", "--permute", "whole")
    assert same.json["results"] == ran.json["results"]
    # Samples of one molecule are near each other in both representations; under the null hypothesis they still are.
    row, free = ran.json["results"][0], run(*command, "--groups", "none").json["results"][0]
    assert row["chance"] == pytest.approx(ran.json["null"]["mutual_knn"][0][1])
    assert free["chance"] == pytest.approx(9 / 79)
    assert row["chance"] > free["chance"] + 0.02
    # The matrices have the same level as the rows, and the closed form for independent samples apart.
    assert ran.json["chance"]["mutual_knn"][0][1] == pytest.approx(row["chance"])
    assert ran.json["independent_chance"]["mutual_knn"][0][1] == pytest.approx(9 / 79)


def test_what_is_shared_beyond_the_formula_is_printed(run: Run, conformers: Path) -> None:
    run("embed", "composition", "morgan", "--dataset", "mine.csv")
    command = ("compare", "composition", "morgan", "--metrics", "mutual_knn", "-k", 9)
    ran = run(*command)
    assert "beyond formula: 0 is the mean score, in brackets, when samples are permuted within formula" in ran.out
    data = run(*command, "--json").json
    assert data["recipe"]["strata_kind"] == "formula"
    row = data["results"][0]
    assert row["beyond"] == pytest.approx((row["value"] - row["strata_null"]) / (1 - row["strata_null"]))
    assert 0 < row["strata_p"] <= 1
    assert "beyond formula" not in run(*command, "--beyond", "none").out
    assert run(*command, "--beyond", "scaffold", "--json").json["recipe"]["strata_kind"] == "scaffold"
    assert "--beyond colour is neither a file nor a kind of groups" in run(*command, "--beyond", "colour").err


def test_groups_of_files_of_embeddings(run: Run, conformers: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = np.array([f"m{i}" for i in range(80)])
    x, y = rng.normal(size=(80, 4)), rng.normal(size=(80, 5))
    np.savez(tmp_path / "a.npz", embedding=x, ids=ids)
    np.savez(tmp_path / "b.npz", embedding=y, ids=ids)
    command = ("compare", "a.npz", "b.npz", "--metrics", "cka", "--json")
    ran = run(*command, "--groups", "formula")
    assert "it is unknown what the samples are; name them, --groups formula:DATASET" in ran.err
    got = run(*command, "--groups", "formula:mine.csv").json
    labels = load_dataset(str(tmp_path / "mine.csv")).groups["formula"]
    want = compare({"a": _Rows(x, ids), "b": _Rows(y, ids)}, metrics="cka", permutations=200, groups=labels)
    assert got["results"][0]["p"] == pytest.approx(float(want.cka_p[0, 1]))
    ran = run(*command, "--groups", "nothing")
    assert "--groups nothing is neither a file nor a kind of groups: structure, seq" in ran.err
    ran = run(*command, "--groups", "sequence:mine.csv")
    assert (
        "the samples have no groups by sequence; they have: structure, formula, composition, elements, scaffold"
        in ran.err
    )


class _Rows:
    def __init__(self, embedding: np.ndarray, ids: np.ndarray) -> None:
        self.embedding, self.ids = embedding, list(map(str, ids))


def test_permutations_of_whole_groups_without_groups_are_an_error(run: Run, tmp_path: Path) -> None:
    for name in "ab":
        rows = np.random.default_rng(ord(name)).normal(size=(30, 3))
        np.savez(tmp_path / f"{name}.npz", embedding=rows, ids=[f"s{i}" for i in range(30)])
    command = ("compare", tmp_path / "a.npz", tmp_path / "b.npz", "--metrics", "cka", "--permute", "whole")
    for further in ((), ("--groups", "none")):
        ran = run(*command, *further)
        assert ran.code == 2
        assert "--permute whole exchanges groups of samples, and there are none" in ran.err


def test_permutations_that_do_not_exist_are_said(run: Run, tmp_path: Path) -> None:
    """Four groups of equal size can be exchanged in 24 ways: none of three pairs alone can be significant."""
    groups = "id,group\n" + "".join(f"{i},g{i % 4}\n" for i in range(32))
    (tmp_path / "groups.csv").write_text(groups)
    for name in "abc":
        np.savez(
            tmp_path / f"{name}.npz",
            embedding=np.random.default_rng(ord(name)).normal(size=(32, 3)),
            ids=[str(i) for i in range(32)],
        )
    files = [tmp_path / f"{name}.npz" for name in "abc"]
    options = ("--metrics", "cka", "--permutations", 199, "--groups", tmp_path / "groups.csv", "--permute", "whole")
    ran = run("compare", *files, *options, "--json")
    assert ran.json["recipe"]["permutations"] == 23
    assert "no more exist for 32 samples in 4 groups" in ran.err
    p = np.array([ran.json["p"]["cka"][i][j] for i, j in ((0, 1), (0, 2), (1, 2))])
    assert np.allclose(p * 24, np.round(p * 24))


def test_few_groups_do_not_stop_the_energy_errors() -> None:
    """States of three formulas cannot be held out whole in ten folds; the error is then that over samples."""
    rng = np.random.default_rng(0)
    samples = [
        Sample(str(i), atoms=Atoms(("H2O", "CH4", "NH3")[i % 3]), labels={"energy": float(rng.normal())})
        for i in range(60)
    ]
    data = Dataset("mine", samples, "molecules", "CC0-1.0", "planted", {"energy": "eV"})
    rows = rng.normal(size=(60, 4)).astype("f4")
    energies = np.array([sample.labels["energy"] for sample in samples]) + 0.1 * rng.normal(size=60)
    (error,) = energy_errors([Representation("m", rows, data.ids, {}, energies)], data)
    assert error is not None
    assert 0.04 < error.mae < 0.16
