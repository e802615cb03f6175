"""On which samples of a second set representations collapse: planted collapse, and none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyle.cli import figures
from hyle.cli.analyses import ANALYSES, AnalysisInput, NotSignificant

from ..synthetic import build

NAMES = ["chgnet-0.3.0", "sevennet-0", "aimnet2", "rxnfp"]
ANALYSIS = ANALYSES["sample_collapse"]


def question(second: np.ndarray, of_first: np.ndarray | None = None) -> AnalysisInput:
    """Return four models of four families on 150 samples of five dimensions, and on others."""
    rng = np.random.default_rng(0)
    first, maps = rng.normal(size=(150, 5)), rng.normal(size=(len(NAMES), 5, 12))
    latents = dict.fromkeys(NAMES, second) | ({} if of_first is None else {NAMES[0]: of_first})
    return AnalysisInput(
        build(NAMES),
        "cknna",
        embeddings={name: first @ each for name, each in zip(NAMES, maps, strict=True)},
        outside={name: latents[name] @ each for name, each in zip(NAMES, maps, strict=True)},
        outside_ids=[f"s{i}" for i in range(len(second))],
    )


def test_fewer_dimensions_in_all_models_and_a_loss_in_one_are_stated(capsys: pytest.CaptureFixture[str]) -> None:
    others = np.random.default_rng(1).normal(size=(100, 5))
    found = ANALYSIS.compute(question(others * [1, 1, 1, 0, 0], others * [1, 1, 0, 0, 0]))
    first, second = ANALYSIS.summarise(found)
    assert first.startswith("Around samples of the second set the dimension of representations is lower: 0.")
    assert "mean over 4 families; n = 150 and 100 samples, compared 50 at a time" in first
    assert second.startswith(f"On samples of the second set, compared with the first, {NAMES[0]} (by 0.")
    assert NAMES[1] not in second
    ANALYSIS.print_result(found)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(NAMES[0]))
    data = json.loads(json.dumps(ANALYSIS.to_dict(found)))
    samples = data["models"][NAMES[0]]["samples"]
    assert list(samples) == [f"s{i}" for i in range(100)]
    assert min(samples, key=lambda id_: samples[id_]["dimension"]) in line
    assert list(ANALYSIS.make_figures(found)) == ["sample_collapse"]
    chart = figures.collapse_chart(found).to_dict()
    assert "4 models" in chart["description"]


def test_without_a_change_nothing_is_claimed() -> None:
    found = ANALYSIS.compute(question(np.random.default_rng(2).normal(size=(150, 5))))
    (line,) = ANALYSIS.summarise(found)
    assert isinstance(line, NotSignificant)


def test_it_needs_both_sets_and_two_families() -> None:
    others = np.random.default_rng(1).normal(size=(100, 5))
    assert ANALYSIS.compute(question(others[:30])) is None
    one = question(others)
    one.outside = {NAMES[0]: one.outside[NAMES[0]]}
    assert ANALYSIS.compute(one) is None
