"""How many programs JAX lowers for a comparison: each costs tens of milliseconds in every new process."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import jax
import numpy as np
import pytest

from hyle.engine import compare

# No panel needs more, whatever its widths.
MOST = 20

lowered: list[str] = []


def _record(event: str, _: float, **facts: object) -> None:
    if event.endswith("jaxpr_to_mlir_module_duration"):  # also programs that a persistent cache has
        lowered.append(str(facts.get("fun_name")))


jax.monitoring.register_event_duration_secs_listener(_record)


@pytest.fixture(autouse=True)
def _count_from_nothing() -> None:
    jax.clear_caches()
    lowered.clear()


def panel(n: int, widths: Sequence[int], seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(n, 6))
    return {
        f"{width}": np.tanh(latent @ generator.normal(size=(6, width))) + 0.3 * generator.normal(size=(n, width))
        for width in widths
    }


WIDTHS = [16, 32, 48, 64, 100, 128, 200, 256, 300, 384, 512, 640]


def test_the_counter_counts() -> None:
    jax.jit(lambda x: x + 1)(np.ones(3))
    assert len(lowered) == 1
    jax.numpy.ones(5).sum()
    assert len(lowered) > 1


@pytest.mark.parametrize(
    ("n", "widths", "options"),
    [
        (100, [8, 32], {"k": 10, "permutations": 200}),
        (100, [8, 32], {"k": 10, "permutations": 20, "jackknife_groups": 20}),
        (60, [3, 5], {"k": 5, "permutations": 20, "groups": [str(i % 4) for i in range(60)]}),
        (60, [3, 5], {"k": 5, "permutations": 20, "jackknife_groups": 5, "groups": [str(i % 7) for i in range(60)]}),
        (500, WIDTHS, {"permutations": 200}),
    ],
    ids=["two", "intervals", "groups", "groups of unlike sizes", "twelve"],
)
def test_few_samples_are_compared_without_programs_but_for_groups(n, widths, options) -> None:
    compare(panel(n, widths), **options)
    assert len(lowered) <= (4 if "groups" in options else 0), lowered


@pytest.fixture
def many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few samples be compared as many are: compiled programs for what does not depend on the widths."""
    for module in ("block_pass.run", "context.context", "permutation.kernels"):
        monkeypatch.setattr(importlib.import_module(f"hyle.engine.{module}"), "MAX_ENTRIES", 0)
    for module in ("neighbours.search_numpy", "neighbours.ranks"):
        monkeypatch.setattr(importlib.import_module(f"hyle.engine.{module}"), "MAX_ROWS_NUMPY", 0)


METRICS = ("cka", "cka_rbf", "mutual_knn", "cknna", "information_imbalance", "intrinsic_dimension")


def test_many_samples_need_few_programs_and_give_the_same_numbers(request: pytest.FixtureRequest) -> None:
    options = {"metrics": METRICS, "permutations": 8, "jackknife_groups": 5, "k": 10, "keep_resamples": True}
    models = panel(150, [3, 30, 65, 130, 257, 513])
    few = compare(models, **options)
    assert not lowered
    request.getfixturevalue("many_samples")
    many = compare(models, **options)
    assert 0 < len(lowered) <= MOST, lowered
    for name in METRICS:
        np.testing.assert_allclose(many[name], few[name], rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(
            many[f"{name}_jackknife_values"], few[f"{name}_jackknife_values"], rtol=2e-5, atol=1e-6
        )
        if name != "intrinsic_dimension":
            np.testing.assert_allclose(many[f"{name}_null_samples"], few[f"{name}_null_samples"], rtol=2e-5, atol=1e-5)


@pytest.mark.thorough
def test_more_than_two_thousand_samples_need_few_programs() -> None:
    compare(panel(2100, [3, 30, 65, 130, 257, 513]), permutations=8, jackknife_groups=5, k=10)
    assert 0 < len(lowered) <= MOST, lowered


def test_ties_and_repeated_rows_need_no_programs_for_widths() -> None:
    # Counts, with many ties, and rows that repeat others: their neighbours are searched anew under permutations.
    models = {str(width): np.random.default_rng(width).integers(0, 2, size=(80, width)) for width in (5, 9, 17, 40)}
    compare(models, k=7, permutations=6, jackknife_groups=5)
    assert len(lowered) <= 4, lowered
