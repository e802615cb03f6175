from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import probe


@pytest.mark.parametrize("kind", ["ridge", "knn"])
def test_a_probe_finds_what_is_there_and_nothing_in_noise(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    label = x[:, 0] + 0.1 * rng.normal(size=300)
    label[:20] = np.nan
    found = probe(x, label, kind=kind, train=150)
    assert (found.train, found.test) == (150, 130)
    assert found.r2 > (0.95 if kind == "ridge" else 0.6)
    assert found.mae < found.baseline / 2
    nothing = probe(rng.normal(size=(300, 40)), label, kind=kind, train=150)
    assert nothing.r2 < 0.1
    assert nothing.mae > 0.9 * nothing.baseline


def test_draws_are_the_same_for_every_embedding_of_the_samples() -> None:
    label = np.random.default_rng(1).normal(size=60)
    first, second = (probe(np.random.default_rng(seed).normal(size=(60, 3)), label) for seed in (2, 3))
    assert first.baseline == second.baseline
    assert first.mae != second.mae


def test_what_cannot_be_probed() -> None:
    for arguments, wrong in (
        ((np.zeros((30, 2)), np.zeros(29)), "got shapes"),
        ((np.zeros((30, 2)), np.zeros(30)), "24 to fit on and 6 to test"),
    ):
        with pytest.raises(ValueError, match=wrong):
            probe(*arguments)
    with pytest.raises(ValueError, match="unknown probe 'tree'"):
        probe(np.zeros((30, 2)), np.zeros(30), kind="tree")
