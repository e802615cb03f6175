"""The simulation of the study's sections on changed crystals and on properties of samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench import shift_null
from bench.study_panels import plan_design

CODES = plan_design("mptrj").codes


@pytest.mark.parametrize("procedure", shift_null.PROCEDURES.values())
def test_planted_growth_of_the_noise_lowers_agreement(procedure: shift_null.Callable[..., tuple[float, ...]]) -> None:
    value, low, high = procedure(np.random.default_rng(0), CODES, 1.0, 0.0)
    assert low < value < high < 0
    value, low, high = procedure(np.random.default_rng(0), CODES, 0.0, 0.0)
    assert low < value < high
    assert abs(value) < 0.05


def test_models_of_a_family_share_half_of_their_noise() -> None:
    rng, n = np.random.default_rng(1), 4000
    rows = shift_null.draw_rows(rng, np.zeros((n, shift_null.LATENT)), np.ones((CODES.max() + 1, n)), CODES)
    maps = np.random.default_rng(0).normal(size=(len(CODES), shift_null.LATENT, shift_null.WIDTH))
    noise = [x @ np.linalg.pinv(one) for x, one in zip(rows, maps, strict=True)]
    same = [(i, j) for i in range(len(CODES)) for j in range(i) if CODES[i] == CODES[j]]
    alike = [np.corrcoef(noise[i].ravel(), noise[j].ravel())[0, 1] for i, j in same]
    assert np.mean(alike) == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(noise[0].ravel(), noise[-1].ravel())[0, 1] == pytest.approx(0, abs=0.03)


def test_the_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_null, "FOLDER", tmp_path)
    monkeypatch.setattr(shift_null, "PROCEDURES", {"one": lambda rng, codes, mean, spread: (0.1, *rng.normal(size=2))})
    ran = CliRunner().invoke(shift_null.main, ["--draws", "10"])
    assert ran.exit_code == 0, ran.output
    rows = json.loads((tmp_path / "shift_null.json").read_text())["rows"]
    assert [row["effect"] for row in rows] == list(shift_null.EFFECTS)
    assert (
        len([line for line in (tmp_path / "shift_null.md").read_text().splitlines() if line.startswith("| one")]) == 4
    )
