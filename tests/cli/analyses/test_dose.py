"""Agreement against the distance from the first set: planted loss, none, and too few samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyle.cli import figures
from hyle.cli.analyses import ANALYSES, AnalysisInput, NotSignificant

from ..synthetic import build

MODELS = ["chgnet-0.3.0", "sevennet-0", "aimnet2", "rxnfp", "chemnet", "minimol", "admet-ai-cls"]
ANALYSIS = ANALYSES["dose"]


def question(slope: float, q: int = 140) -> AnalysisInput:
    """Return seven models of seven families and a control on two sets; private noise grows with the distance."""
    rng = np.random.default_rng(0)
    near, away = rng.normal(size=(60, 4)), rng.uniform(0, 6, size=q)
    far = rng.normal(size=(q, 4)) + away[:, None] * np.array([1, 0, 0, 0])
    first, second = {}, {}
    for name in (*MODELS, "composition"):
        view = rng.normal(size=(4, 10))
        first[name] = near @ view + 0.2 * rng.normal(size=(60, 10))
        second[name] = far @ view + (0.2 + slope * away)[:, None] * rng.normal(size=(q, 10))
    comparison = build([*MODELS, "composition"])
    comparison["family"] = ("model", [f"f{i}" for i in range(len(MODELS) + 1)])
    return AnalysisInput(comparison, "cknna", embeddings=first, outside=second)


def test_a_planted_loss_of_agreement_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    found = ANALYSIS.compute(question(0.6))
    (line,) = ANALYSIS.summarise(found)
    assert line.startswith("CKNNA beyond chance falls with the distance from the first set: 0.")
    assert "n = 7 models of 7 families, 28 samples each" in line
    assert "composition with the models" in line
    ANALYSIS.print_result(found)
    assert "composition with them" in capsys.readouterr().out
    data = json.loads(json.dumps(ANALYSIS.to_dict(found)))
    assert (len(data["values"]), len(data["bins"]), data["n"]) == (5, 4, 28)
    assert data["low"] < data["slope"] < data["high"] < 0
    assert list(ANALYSIS.make_figures(found)) == ["dose"]
    assert "4 bins" in figures.dose_chart(found).to_dict()["description"]


def test_it_needs_enough_samples_and_models() -> None:
    assert ANALYSIS.compute(question(0.6, q=100)) is None
    few = question(0.6)
    few.outside = {name: few.outside[name] for name in MODELS[:2]}
    assert ANALYSIS.compute(few) is None
    three = question(0.0)
    three.outside = {name: three.outside[name] for name in MODELS[:3]}
    (line,) = ANALYSIS.summarise(ANALYSIS.compute(three))
    assert isinstance(line, NotSignificant)
    assert "at least 6 families" in line


def test_a_quarter_of_few_groups_skips_the_analysis_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    asked = question(0.0, q=170)
    # The farthest samples are states of four materials; all others are materials of their own.
    farthest = set(np.argsort(-ANALYSIS.compute(asked).found.dose)[:46].tolist())
    asked.outside_groups = [f"far {i % 4}" if i in farthest else str(i) for i in range(170)]
    assert len(set(asked.outside_groups)) == 128
    assert ANALYSIS.compute(asked) is None
    assert "groups of samples are too few in a bin" in capsys.readouterr().err
