from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.analysis import best_layers


def layered(seed: int, shared: float) -> dict[str, np.ndarray]:
    """Two models of four layers, of which one of each sees the same."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(40, 4))
    found = {f"{model}@{layer}": rng.normal(size=(40, 6)) for model in "ab" for layer in range(4)}
    for name in ("a@2", "b@1"):
        found[name] = shared * common @ rng.normal(size=(4, 6)) + found[name]
    return found


def test_the_layers_that_see_the_same_are_found() -> None:
    for metric in ("cka", "information_imbalance"):
        found = best_layers(compare(layered(0, 2.0), metrics=[metric], permutations=39, keep_resamples=True), metric)
        assert [(one.model, one.other, one.layer, one.other_layer) for one in found] == [("a", "b", "a@2", "b@1")]
        assert found[0].p == pytest.approx(1 / 40)
        assert found[0].calibrated > 0.1
        assert found[0].pairs == 16


def test_the_best_of_many_layers_of_noise_is_no_discovery() -> None:
    ps, smallest = [], []
    for seed in range(60):
        data = compare(layered(seed, 0.0), metrics=["cka"], permutations=39, keep_resamples=True)
        ps.append(best_layers(data)[0].p)
        smallest.append(data.cka_p.values[:4, 4:].min())
    assert np.mean(np.array(ps) <= 0.05) <= 0.14
    assert np.mean(np.array(smallest) <= 0.05) > 0.3  # what one pair alone would claim


def test_layers_need_draws() -> None:
    with pytest.raises(ValueError, match="keeps no permutations of cka"):
        best_layers(compare(layered(0, 0.0), metrics=["cka"], permutations=9))
