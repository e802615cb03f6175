"""Files of samples on the command line: read, partly skipped, or rejected in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ...zoo.adapters.peptides import pdb

pytest.importorskip("rdkit")
Run = Callable[..., Any]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    rows = [f"m{i},{'C' * (i + 1)}O,{i}" for i in range(12)]
    (tmp_path / "mine.csv").write_text("\n".join(["name,smiles,y", *rows, "bad,C1CC,1"]) + "\n")
    return tmp_path / "mine.csv"


def test_a_file_is_embedded_and_named_in_the_recipe(run: Run, mine: Path) -> None:
    ran = run("embed", "composition", "--dataset", mine, "--id-column", "name", "--json")
    assert ran.code == 0, ran.err
    (found,) = ran.json
    assert found["shape"][0] == 12
    assert found["left_out"] == {"bad": "line 14: RDKit cannot read the SMILES 'C1CC': unclosed ring"}
    assert "1 of 13 samples of mine.csv skipped: bad (line 14" in ran.err
    assert found["recipe"]["dataset"] == "mine.csv"
    assert found["recipe"]["dataset_source"].startswith("mine.csv sha256 ")
    again = run("embed", "composition", "--dataset", mine, "--id-column", "name")
    assert "from the store" in again.err
    run("embed", "morgan", "--dataset", mine, "--id-column", "name")
    run("embed", "morgan", "--dataset", "qm9", "-n", 20)
    ran = run("compare", "composition", "morgan", "--dataset", mine, "--metrics", "cka", "--json")
    assert (ran.code, ran.json["n"]) == (0, 12)


def test_random_and_first_samples(run: Run, mine: Path) -> None:
    (drawn,) = run("embed", "random", "--dataset", mine, "-n", 5, "--seed", 2, "--json").json
    assert "5 of 13, seed 2" in drawn["recipe"]["dataset_source"]
    (first,) = run("embed", "random", "--dataset", mine, "-n", 5, "--first", "--as-written", "--json").json
    assert first["recipe"]["dataset_source"].endswith("column smiles, the first 5")


@pytest.mark.models
def test_all_atoms_of_proteins_are_read_for_models_that_need_them(run: Run, tmp_path: Path) -> None:
    for package in ("torch", "gemmi"):
        pytest.importorskip(package)
    folder = tmp_path / "peptides"
    folder.mkdir()
    for sequence in ("ALKEVS", "GAVLI", "KKWT", "WHGKD"):
        (folder / f"{sequence}.pdb").write_text(pdb(sequence))
    assert run("embed", "random", "--dataset", folder).code == 0
    ran = run("embed", "random", "caustic", "--dataset", folder, "--json")
    assert ran.code == 0, ran.err
    assert [found["shape"] for found in ran.json][1] == [4, 128]
    assert "from the store" in ran.err.splitlines()[-2]
    ran = run("compare", "random", "caustic", "--dataset", folder, "--metrics", "cka", "--json")
    assert (ran.code, ran.json["n"]) == (0, 4), ran.err
    ran = run("embed", "caustic", "--dataset", "proteins")
    assert "caustic reads protein_atoms, and all samples of proteins have: sequence, backbone" in ran.err


def test_a_built_in_set_that_is_smaller_than_the_default_is_used_completely(run: Run) -> None:
    assert run("embed", "random", "--dataset", "proteins", "--json").json[0]["shape"][0] == 117


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("embed", "random", "--dataset", "mines.csv"), "mines.csv does not exist; did you mean 'mine.csv'?"),
        (
            ("embed", "random", "--dataset", "mine.csv", "--column", "x"),
            "no column is called 'x'; it has: name, smiles",
        ),
        (
            ("embed", "random", "--dataset", "mine.csv", "-n", "99"),
            "mine.csv has 13 samples: n must be 1 to 13; got 99",
        ),
        (("embed", "soap", "--dataset", "mine.csv"), "soap reads atoms, and all samples of mine.csv have: smiles"),
        (("embed", "random", "--dataset", "qm9", "--first"), "qm9 is a built-in data set: options for files"),
        (("run", "--models", "soap", "--dataset", "mine.csv", "-k", "5"), "soap reads atoms, and all"),
        (("run", "--dataset", "mines.csv"), "mines.csv does not exist"),
        (("run", "--dataset", "mine.csv", "-n", "3"), "at least 4 samples"),
    ],
)
def test_mistakes(mistake, mine: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in mistake(*arguments)
    assert sorted(path.name for path in mine.parent.iterdir()) == ["mine.csv"]


def test_a_report_on_a_file(run: Run, mine: Path) -> None:
    ran = run("run", "--models", "morgan", "--dataset", mine, "--metrics", "cka", "-o", "out")
    assert ran.code == 0, ran.err
    assert "12 molecules of mine.csv" in Path("out/report.html").read_text("utf-8")
