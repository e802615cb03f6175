"""Ranks under permutations on an accelerator, by the programs that are compiled for one, against NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.permutation.ranks_on_devices import sums_fit

N = 150


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let the engine take the CPU for another platform, once it is called."""
    yield monkeypatch
    monkeypatch.undo()
    jax.clear_caches()  # programs for another platform


@pytest.mark.parametrize("name", ["gpu", pytest.param("tpu", marks=pytest.mark.thorough)])
def test_an_accelerator_ranks_as_numpy_does(name: str, platform: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    # The second has many equal rows and distances, which permutations order anew.
    models = {"a": generator.normal(size=(N, 5)), "b": generator.integers(-1, 2, size=(N, 4))}
    models["b"][:, 0] = models["a"][:, 0] > 0
    models = {model: x.astype(np.float32) for model, x in models.items()}
    options = {"metrics": ["information_imbalance"], "permutations": 59, "keep_resamples": True}
    expected = compare(models, **options)
    jax.clear_caches()
    platform.setattr(jax, "default_backend", lambda: name)
    found = compare(models, **options)
    for variable in ("information_imbalance", "information_imbalance_null_samples", "information_imbalance_p"):
        np.testing.assert_allclose(found[variable], expected[variable], rtol=1e-6)


def test_sums_that_would_not_fit_in_two_digits_are_left_to_the_host() -> None:
    # The sum of all ranks is at most n^2 k, of which the high digit holds the multiples of 2^16.
    assert sums_fit(1_000_000, 25)
    assert not sums_fit(5_000_000, 25)
    assert not sums_fit(2_400_000, 100)
