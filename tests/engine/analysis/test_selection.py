"""The choice of a model for few labels, and its check."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import rankdata, spearmanr

from hyle.engine.analysis import selection


def panel(seed: int, *, knows: bool) -> tuple[xr.Dataset, dict[str, np.ndarray], np.ndarray]:
    """Eight models that see a common latent through more and more noise; parameters have nothing to do with it."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(300, 3))
    noise = np.linspace(0.1, 3, 8)
    found = {f"m{i}": latent @ rng.normal(size=(3, 8)) + s * rng.normal(size=(300, 8)) for i, s in enumerate(noise)}
    label = latent @ rng.normal(size=3) if knows else rng.normal(size=300)
    quality = 1 / (1 + noise)
    near = np.outer(quality, quality)
    np.fill_diagonal(near, 1)
    names = list(found)
    data = xr.Dataset(
        {"cknna": (("model", "other"), near, {"kind": "pair", "higher_is_better": "yes"})},
        {"model": names, "other": names},
    )
    data["parameters"] = ("model", np.geomspace(1e5, 1e8, 8)[[3, 7, 1, 5, 0, 6, 2, 4]])
    return data, found, label


def test_planted_knowledge_is_ranked_and_checked() -> None:
    data, embeddings, label = panel(0, knows=True)
    found = selection(data, embeddings, label, n_labels=40, draws=3)
    by = {one.name: one for one in found.criteria}
    assert found.models[0] in ("m0", "m1")
    assert by["probe"].correlation > 0.8
    assert by["probe"].low > 0
    assert by["probe"].p < 0.01
    assert by["generality"].correlation > 0.8
    assert by["probe"].regret < 0.1
    assert sum(by["probe"].over_parameters) / 2 > 0.3
    assert by["parameters"].low < 0
    assert found.error[0] < found.baseline / 2
    assert (found.n_labels, found.test) == (40, 260)
    assert len(found.pair) == 2
    assert by["probe"].families == 8
    # Two models are one family: 7 are left, and all orders are tried.
    data["family"] = ("model", ["a", "a", *[""] * 6])
    again = selection(data, embeddings, label, n_labels=40, draws=3).criteria[0]
    assert again.families == 7
    assert again.smallest_p <= 2 / 5040
    assert again.p < 0.01


def test_alignment_does_not_rank_its_reference_and_the_family_of_it() -> None:
    """Alignment that knows nothing of accuracy, where the model of the best probe would come first by construction."""
    data, embeddings, label = panel(0, knows=True)
    noise = np.random.default_rng(1).uniform(0, 0.5, (8, 8))
    near = noise + noise.T
    np.fill_diagonal(near, 1)
    data["cknna"] = (("model", "other"), near, data.cknna.attrs)
    for family, left in (([""] * 8, 7), (["a", "a", *[""] * 6], 6)):
        found = selection(data.assign(family=("model", family)), embeddings, label, n_labels=40, draws=1)
        by = {one.name: one for one in found.criteria}
        reference = found.models[0]
        assert reference in ("m0", "m1")
        own = {"m0", "m1"} if family[0] else {reference}
        others = [i for i, name in enumerate(found.models) if name not in own]
        score = np.array([near[int(reference[1]), int(found.models[i][1])] for i in others])
        error = found.error[others]
        assert by["alignment"].families == len(others) == left
        assert by["alignment"].correlation == pytest.approx(spearmanr(score, -error).statistic)
        ranks = rankdata(score) - (left + 1) / 2
        every = np.abs([order @ rankdata(error) for order in map(np.array, permutations(ranks))])
        assert by["alignment"].p == pytest.approx((every >= every[0] - 1e-9).mean())
        assert by["alignment"].regret == pytest.approx(
            (error[score.argmax()] - error.min()) / (error.mean() - error.min())
        )
        assert by["alignment"].regret > by["probe"].regret
        np.testing.assert_array_equal(np.isnan(by["alignment"].score), [name in own for name in found.models])


def test_where_no_model_knows_the_label_no_ranking_is_told_from_chance_too_often() -> None:
    told = 0
    for seed in range(4):
        data, embeddings, label = panel(seed, knows=False)
        found = selection(data, embeddings, label, n_labels=30, draws=1, seed=seed)
        told += next(one for one in found.criteria if one.name == "parameters").p <= 0.05
        assert found.error.min() > 0.9 * found.baseline
    assert told <= 1


def test_what_is_too_little_is_told() -> None:
    data, embeddings, label = panel(0, knows=True)
    with pytest.raises(ValueError, match="1 models have embeddings"):
        selection(data, {"m0": embeddings["m0"]}, label)
    with pytest.raises(ValueError, match="295 to fit on and 5 to test"):
        selection(data, embeddings, label, n_labels=295)
    few_models = {name: embeddings[name] for name in ("m0", "m5")}
    found = selection(data, few_models, label, n_labels=30, draws=1)
    assert np.isnan(found.criteria[0].correlation)
    assert found.models[0] == "m0"
