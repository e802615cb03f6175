"""Disguises of published rows gain nothing: neither in alignment, nor in performance, nor in the diagnosis."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from hyle.cli.benchmark.evaluation import evaluate_on_panel
from hyle.cli.benchmark.panel_evaluation import PanelEvaluation
from hyle.cli.benchmark.performance import Targets, composition_of, scores_of, targets_of
from hyle.zoo import Dataset, ReferencePanel, Representation, find_benchmark, load_dataset, load_panel

from .test_copies import attacks, scaled

pytestmark = pytest.mark.thorough

# One model of each family, to save time.
MODELS = ("admet-ai-cls", "aimnet2", "ani-2xt", "chemnet", "minimol", "rxnfp", "sevennet-0", "so3lr")
CONTROLS = ("composition", "morgan", "sevennet-0-untrained")
BEST = "so3lr"


@functools.cache
def qm9() -> tuple[Dataset, ReferencePanel, Targets, Representation]:
    bench = find_benchmark("qm9")
    data, panel = load_dataset("qm9", n=bench.samples), load_panel("qm9")
    few = [one for one in panel.members if one.name in MODELS + CONTROLS]
    return data, dataclasses.replace(panel, members=few), targets_of(data, bench), composition_of(data)


def rows_of(name: str) -> np.ndarray:
    one = next(one for one in qm9()[1].members if one.name == name)
    assert list(one.representation.ids) == qm9()[0].ids
    return np.asarray(one.representation.embedding, np.float64)


@functools.cache
def composition() -> np.ndarray:
    return np.asarray(qm9()[3].embedding, np.float64)


def evaluate(x: np.ndarray, family: str = "", *, known: bool = False) -> PanelEvaluation:
    data, panel, targets, composition = qm9()
    own = Representation("own", x.astype(np.float32), data.ids)
    scores = scores_of(own, data, targets)
    options = {"composition": composition, "metrics": (), "permutations": 40, "jackknife_groups": 8}
    return evaluate_on_panel(own, panel, scores, family=family, origin_is_known=known, **options)


def quadrant_of(evaluation: PanelEvaluation) -> str | None:
    quadrant = evaluation.quadrant()
    return None if isinstance(quadrant, str) else quadrant.name


@pytest.fixture(scope="module")
def honest() -> PanelEvaluation:
    return evaluate(rows_of(BEST), "SO3LR")


def test_a_copy_has_the_scores_of_the_honest_model(honest: PanelEvaluation) -> None:
    copy = evaluate(rows_of(BEST))
    assert [one.model for one in copy.contained] == [BEST]
    assert copy.contained[0].same
    assert BEST not in copy.members
    assert copy.other_families == honest.other_families
    assert copy.align_to().mean.value == pytest.approx(honest.align_to().mean.value, abs=1e-6)
    assert copy.score == honest.score
    assert copy.rank() == honest.rank()


@pytest.mark.thorough
def test_a_model_of_known_origin_is_no_copy_for_being_near() -> None:
    """Of verified weights only the same model counts: DPA-3 predicts the rows of CHGNet as retrainings do."""
    x = scaled(rows_of(BEST))
    near = x + 0.1 * x.std(0) * np.random.default_rng(0).normal(size=x.shape)
    unknown, known, same = evaluate(near), evaluate(near, "own", known=True), evaluate(x, "own", known=True)
    assert [(one.model, one.same) for one in unknown.contained] == [(BEST, False)]
    assert known.contained == []
    assert BEST in known.other_families
    assert BEST not in unknown.other_families
    assert [one.model for one in same.contained] == [BEST]
    assert BEST not in same.members


@pytest.mark.parametrize(
    "attack",
    [
        "whitened",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("rotated", "8 principal axes", "random columns", "tanh")
        ),
    ],
)
def test_a_disguised_copy_gains_nothing(honest: PanelEvaluation, attack: str) -> None:
    disguised = evaluate(attacks(rows_of(BEST))[attack])
    mean = honest.align_to().mean
    assert disguised.align_to().mean.value < mean.value + 0.01
    assert disguised.score is not None
    assert honest.score is not None
    assert disguised.score.value < honest.score.value + honest.score.se
    if quadrant_of(honest) != "foundational":
        assert quadrant_of(disguised) != "foundational"


@pytest.mark.parametrize("size", [1.0, *(pytest.param(size, marks=pytest.mark.thorough) for size in (0.5, 3.0))])
def test_composition_columns_gain_nothing(honest: PanelEvaluation, size: float) -> None:
    x = scaled(rows_of(BEST))
    more = evaluate(np.hstack([x, size * scaled(composition())]))
    assert more.align_to().mean.value == pytest.approx(honest.align_to().mean.value, abs=1e-3)
    assert more.score is not None
    assert honest.score is not None
    assert more.score.value < honest.score.value + honest.score.se


@pytest.mark.thorough
def test_members_side_by_side_have_no_rank_and_no_alignment() -> None:
    everything = np.hstack([scaled(rows_of(name)) for name in MODELS])
    noise = np.random.default_rng(0).normal(size=everything.shape)
    for x in (everything, everything + 0.4 * everything.std(0) * noise):
        made = evaluate(x)
        assert len(made.composite) >= 3
        assert np.isnan(made.align_to().mean.value)
        assert made.rank() is None
        assert "made of their rows" in str(made.quadrant())


def test_noise_on_a_copy_loses(honest: PanelEvaluation) -> None:
    x = rows_of(BEST)
    noisy = evaluate(x + 0.3 * x.std() * np.random.default_rng(0).normal(size=x.shape))
    assert noisy.align_to().mean.value < honest.align_to().mean.value
    assert quadrant_of(noisy) == "sub-optimal"


@pytest.mark.thorough
def test_controls_are_not_above_themselves() -> None:
    alone = evaluate(composition())
    assert alone.nothing
    assert alone.align_to().mean.value == 0
    assert abs(alone.score.value) < 0.03  # type: ignore[union-attr]
    assert quadrant_of(alone) == "sub-optimal"
    # Functions of composition alone that are not linear.
    generator = np.random.default_rng(5)
    columns = scaled(composition())
    network = evaluate(np.maximum(columns @ generator.normal(size=(columns.shape[1], 128)), 0))
    assert network.align_to().mean.value < 0.5 * network.best_control().value
    assert quadrant_of(network) == "sub-optimal"
    fingerprint = evaluate(rows_of("morgan"))
    assert fingerprint.align_to().mean.value <= fingerprint.best_control().value + 1e-6
    assert quadrant_of(fingerprint) not in ("foundational", "missing information")
