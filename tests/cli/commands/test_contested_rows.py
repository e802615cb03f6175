"""What `hyle contested` calls its rows where they are atoms, residues or tokens."""

from __future__ import annotations

from collections.abc import Callable
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


def test_errors_are_those_of_atoms(capsys: pytest.CaptureFixture[str]) -> None:
    result = contested(models())
    rng = np.random.default_rng(1)
    errors = {name: np.exp(-8 * result.found.agreement) * rng.normal(size=90) for name in "ab"}
    predicted = predict_errors(result, errors)
    print_errors(predicted, list("ab"), per="atom")
    assert "n = 90 atoms, 30 samples" in capsys.readouterr().out
    print_errors(predicted, list("ab"))
    assert "n = 90 samples, 30 groups" in capsys.readouterr().out
