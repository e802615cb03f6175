"""Groups of samples by what they are, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hyle.engine import compare
from hyle.zoo import load_dataset

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
    assert ran.json[0]["groups"] == dict.fromkeys(("structure", "formula", "composition", "scaffold"), 20)
    warning = "80 samples of 20 molecular graphs: p-values and intervals treat all samples as independent"
    ran = run("compare", "composition", "random", "--metrics", "cka", "--json")
    assert f"warning: {warning}" in ran.err
    assert warning in ran.json["recipe"]["repeats"]
    assert warning not in run("compare", "composition", "random", "--metrics", "cka", "--permutations", 0).err
    ran = run("compare", "composition", "random", "--metrics", "cka", "--groups", "structure", "--json")
    assert warning not in ran.err
    assert ran.json["recipe"]["groups"] == 20
    command = ("compare", "composition", "random", "--metrics", "cka", "--json")
    of_data_set = run(*command, "--groups", "structure:mine.csv")
    assert of_data_set.json["results"] == ran.json["results"]


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
    assert "the samples have no groups by sequence; they have: structure, formula, composition, scaffold" in ran.err


class _Rows:
    def __init__(self, embedding: np.ndarray, ids: np.ndarray) -> None:
        self.embedding, self.ids = embedding, list(map(str, ids))
