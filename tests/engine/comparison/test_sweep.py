from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import compare, sweep

GENERATOR = np.random.default_rng(0)
SHARED = GENERATOR.normal(size=(80, 5))
MODELS = {
    name: SHARED @ GENERATOR.normal(size=(5, 9)) + noise * GENERATOR.normal(size=(80, 9))
    for name, noise in (("a", 0.1), ("b", 0.5), ("c", 1.5), ("d", 4.0))
}
OPTIONS = {"metrics": ["cka", "mutual_knn", "intrinsic_dimension"]}


def test_each_step_equals_a_separate_comparison() -> None:
    swept = sweep(MODELS, over="k", values=[20, 4, 9], permutations=9, **OPTIONS)
    assert swept.k.values.tolist() == [4, 9, 20]
    single = compare(MODELS, k=9, dimension_k=9, permutations=9, **OPTIONS)
    for name in ("mutual_knn", "mutual_knn_p"):
        np.testing.assert_array_equal(swept[name].sel(k=9), single[name])
    # The first step also computes kernel products, so that its distances are rounded differently.
    np.testing.assert_allclose(swept.intrinsic_dimension.sel(k=9), single.intrinsic_dimension, rtol=1e-6)
    assert "cka" not in swept
    assert "cka_p" not in swept
    assert "k" not in swept.mutual_knn.attrs
    assert swept.mutual_knn.attrs["neighbour_metric"] == "cosine"


def test_the_largest_n_equals_the_comparison_of_all_samples() -> None:
    swept = sweep(MODELS, over="n", values=[30, 80], k=5, **OPTIONS)
    complete = compare(MODELS, k=5, **OPTIONS)
    np.testing.assert_allclose(swept.cka.sel(n=80), complete.cka, atol=1e-6)
    assert abs(float(swept.cka.sel(n=30, model="a", other="b")) - float(complete.cka.sel(model="a", other="b"))) > 1e-6


def test_stability_is_the_agreement_of_the_ranking_of_pairs() -> None:
    swept = sweep(MODELS, over="n", values=[40, 60, 80], k=5, **OPTIONS)
    np.testing.assert_allclose(np.diag(swept.cka_stability), 1)
    assert (swept.cka_stability.values > 0.7).all()
    few = sweep({name: MODELS[name] for name in "ab"}, over="k", values=[3, 5], **OPTIONS)
    assert np.isnan(few.mutual_knn_stability).all()


def test_groups_and_covariates_are_subsampled_with_the_models() -> None:
    groups = [i // 2 for i in range(80)]
    swept = sweep(
        MODELS, over="n", values=[40, 60], k=5, groups=groups, permutations=5, covariates=SHARED[:, :1], **OPTIONS
    )
    assert swept.sizes["n"] == 2
    assert np.isfinite(swept.cka_p).all()


def test_a_sweep_over_k_needs_a_metric_that_depends_on_k() -> None:
    with pytest.raises(ValueError, match="cka depends on k"):
        sweep(MODELS, over="k", values=[3, 5], metrics=["cka"])


@pytest.mark.parametrize(
    ("over", "values", "message"),
    [
        ("d", [1, 2], "use k or n"),
        ("k", [5], "at least two"),
        ("k", [5, 5], "each once"),
        ("n", [3, 50], "n=3 to 50"),
        ("n", [50, 81], "80 are common"),
    ],
)
def test_invalid_sweeps_raise(over: str, values: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(MODELS, over=over, values=values, **OPTIONS)  # type: ignore[arg-type]
