"""The simulation of tests and intervals over models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench import family_null
from bench.family_panels import PANELS, PROCEDURES, Draw


def test_a_draw_has_the_variance_and_the_family_effect_that_it_states() -> None:
    sizes = (2,) * 4000
    for noise, tolerance in (("normal", 0.05), ("t(3)", 0.25)):
        values = Draw(sizes, noise, 0).of_models().reshape(4000, 2)
        assert values.var() == pytest.approx(1, abs=tolerance)
        if noise == "normal":
            assert np.corrcoef(values.T)[0, 1] == pytest.approx(0.75, abs=0.03)
    one, other = (Draw((2, 3), "normal", 5, known=known) for known in (True, False))
    assert one.families == ["f0", "f0", "f1", "f1", "f1"]
    assert len(set(other.families)) == 5
    assert np.array_equal(one.of_models(), other.of_models())


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_procedure_gives_its_outcomes_and_finds_a_large_effect(name: str) -> None:
    procedure, outcomes, effect = PROCEDURES[name]
    sizes = PANELS["20 families of 1 to 10"]
    found = family_null.rates(procedure, 3 * effect, sizes, "normal", 6, permutations=99)
    assert len(found) == len(outcomes)
    assert all(share is not None and share >= 0.5 for share in found), found


def test_results_of_other_procedures_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family_null, "RESULTS", tmp_path / "family_null.json")
    monkeypatch.setattr(family_null, "PANELS", {"6 families of 2": (2,) * 6})
    for name, sets in (("groups", 10), ("spearman", 12)):
        words = ["--procedure", name, "--sets", str(sets), "--power-sets", "10", "--permutations", "99"]
        ran = CliRunner().invoke(family_null.main, words)
        assert ran.exit_code == 0, ran.output
    rows = json.loads((tmp_path / "family_null.json").read_text())["rows"]
    # In the order of the procedures, with the number of sets of each.
    assert [(row["procedure"], row["sets"]) for row in rows[::2]] == [
        ("Spearman", 12),
        ("Spearman, interval", 12),
        ("compare_groups", 10),
    ]
    text = (tmp_path / "family_null.md").read_text()
    assert "in 10 to 12 simulated panels" in text
    assert "| compare_groups | – | – |" in text  # two labels of six families cannot give p = 5 %
