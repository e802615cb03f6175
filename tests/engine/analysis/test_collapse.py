"""What holds little is named, and nothing else."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import collapse, single_change
from hyle.engine.comparison import ResolutionWarning

METRICS = ["cknna", "information_imbalance", "intrinsic_dimension"]


def embeddings(seed: int = 0) -> dict[str, np.ndarray]:
    """Five views of one latent, one of them through a single one of its directions, and noise."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(150, 6))
    found = {f"m{i}": latent @ rng.normal(size=(6, 16)) + 0.1 * rng.normal(size=(150, 16)) for i in range(4)}
    found["low"] = latent[:, :1] @ rng.normal(size=(1, 16)) + 1e-3 * rng.normal(size=(150, 16))
    found["noise"] = rng.normal(size=(150, 16))
    return found


@pytest.mark.parametrize("permutations", [0, 60])
def test_planted_collapse_is_named_and_nothing_else(permutations: int) -> None:
    found = {
        one.model: one for one in collapse(compare(embeddings(), metrics=METRICS, k=10, permutations=permutations))
    }
    assert {name: one.state for name, one in found.items()} == {
        **{f"m{i}": "" for i in range(4)},
        "low": "collapsed",
        "noise": "unrelated",
    }
    assert found["low"].effective_rank < 1.1 < 2 < found["m0"].effective_rank
    assert found["low"].imbalance_to_others > found["low"].imbalance_from_others + 0.1
    assert found["low"].dimension < found["m0"].dimension


def test_effective_rank_counts_directions() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(400, 1)) @ np.ones((1, 8)) + 5
    many = np.linalg.qr(rng.normal(size=(400, 8)) - rng.normal(size=8))[0]
    many = np.linalg.qr(many - many.mean(0))[0]
    found = compare({"one": one, "many": many, "far": 1e3 * many + 1e4}, metrics=["cka"])
    assert found["effective_rank"].values == pytest.approx([1, 8, 8], rel=1e-3)


def test_the_fall_of_a_number_has_an_interval() -> None:
    first = compare(embeddings(), metrics=METRICS, k=10)
    second = first.copy(deep=True)
    second["effective_rank"] = second["effective_rank"] / np.array([2, 2.2, 1.8, 2, 2, 2])
    change = single_change(first, second, "effective_rank")
    assert change.families == 6
    assert change.low < 0.5 < change.high < 0.6
    assert len(change.models) == 6
    same = single_change(first, first, "effective_rank")
    assert (same.factor, same.low, same.high) == (1, 1, 1)
    first["family"] = ("model", ["a", "a", "a", "b", "b", ""])
    few = single_change(first, second, "effective_rank")
    ratios = np.array([np.mean(np.log([2, 2.2, 1.8])), np.log(2), np.log(2)])
    assert (few.factor, few.families) == (pytest.approx(np.exp(-ratios.mean())), 3)
    assert np.isnan([few.low, few.high]).all()
    with pytest.raises(ValueError, match="no 'nothing'"):
        single_change(first, second, "nothing")


@pytest.mark.parametrize(("groups", "unrelated"), [(3, set()), (10, {"noise"})])
def test_too_few_permutations_show_no_model_to_be_unrelated(groups: int, unrelated: set[str]) -> None:
    """Three groups can be exchanged in six ways, with which no pair can be significant, however aligned."""
    found = embeddings(1)
    labels = np.repeat(np.arange(groups), 150 // groups).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        comparison = compare(found, metrics=["cka"], permutations="auto", groups=labels, permute="whole")
    states = {one.model: one.state for one in collapse(comparison, "cka")}
    assert {name for name, state in states.items() if state == "unrelated"} == unrelated
