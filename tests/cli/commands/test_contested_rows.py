"""What `hyle contested` calls its rows where they are atoms, residues or tokens."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import contested, predict_errors, print_errors
from hyle.zoo import Representation

Run = Callable[..., Any]


def models(n: int = 30, of_each: int = 3) -> list[Representation]:
    rng = np.random.default_rng(0)
    ids = [f"s{i:02d}#{number}" for i in range(n) for number in range(of_each)]
    shared = rng.normal(size=(len(ids), 3))
    groups = {"sample": [i.partition("#")[0] for i in ids]}
    made = []
    for name in "abcd":
        rows = shared @ rng.normal(size=(3, 6)) + 0.3 * rng.normal(size=(len(ids), 6))
        made.append(Representation(name, rows.astype("float32"), ids, {"per": "atom"}, groups=groups))
    return made


def test_rows_are_called_what_they_are(run: Run) -> None:
    for each in models():
        np.savez(f"{each.name}.npz", embedding=each.embedding, ids=each.ids)
    files = [f"{name}.npz" for name in "abcd"]
    for per in ("atom", "residue"):
        text = run("contested", *files, "--per", per, "-n", 3).out
        assert f"Agreement on 90 {per}s" in text
        assert f"expected: on {per}s as near to others" in text
        assert f"low for contested {per}s" in text
        assert f"agree more on this {per} than usual" in text
        assert "sample" not in text
    assert "agree more on this sample than usual" in run("contested", *files, "-n", 3).out


def test_contested_atoms_are_tested_and_agreed_ones_are_not(run: Run) -> None:
    rng = np.random.default_rng(2)
    ids = [f"s{i:03d}#{number}" for i in range(100) for number in range(4)]
    shared, odd = rng.normal(size=(400, 3)), [17, 130, 311]
    for name in "abcdefgh":
        own = shared.copy()
        own[odd] = rng.normal(size=(3, 3))
        rows = own @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(400, 8))
        np.savez(f"{name}.npz", embedding=rows, ids=ids)
    files = [f"{name}.npz" for name in "abcdefgh"]
    ran = run("contested", *files, "--per", "atom", "-n", 3, "-o", "atoms.csv")
    assert "contested: 3 atoms, less than expected of atoms like them (q <= 0.05)" in ran.out
    assert "agreed:" not in ran.out
    assert "so that no atom is tested for agreement above chance" in ran.err
    with Path("atoms.csv").open(newline="") as file:
        table = {row["id"]: row for row in csv.DictReader(file)}
    assert {i for i, row in table.items() if float(row["q"]) <= 0.05} == {ids[i] for i in odd}
    assert {row["agreed_p"] for row in table.values()} == {""}
    found = run("contested", *files, "--per", "atom", "-n", 3, "--json").json
    assert (found["n_contested"], found["n_agreed"]) == (3, None)


def test_errors_are_those_of_atoms(capsys: pytest.CaptureFixture[str]) -> None:
    result = contested(models())
    rng = np.random.default_rng(1)
    errors = {name: np.exp(-8 * result.found.agreement) * rng.normal(size=90) for name in "ab"}
    predicted = predict_errors(result, errors)
    print_errors(predicted, list("ab"), per="atom")
    assert "n = 90 atoms, 30 samples" in capsys.readouterr().out
    print_errors(predicted, list("ab"))
    assert "n = 90 samples, 30 groups" in capsys.readouterr().out
