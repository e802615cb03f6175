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


def test_each_step_is_a_comparison_of_its_own() -> None:
    found = sweep(MODELS, over="k", values=[20, 4, 9], permutations=9, **OPTIONS)
    assert found.k.values.tolist() == [4, 9, 20]
    alone = compare(MODELS, k=9, dimension_k=9, permutations=9, **OPTIONS)
    for name in ("mutual_knn", "mutual_knn_p"):
        np.testing.assert_array_equal(found[name].sel(k=9), alone[name])
    # The first step wants products of kernels too, so that its distances are rounded otherwise.
    np.testing.assert_allclose(found.intrinsic_dimension.sel(k=9), alone.intrinsic_dimension, rtol=1e-6)
    assert "cka" not in found
    assert "cka_p" not in found
    assert "k" not in found.mutual_knn.attrs
    assert found.mutual_knn.attrs["neighbour_metric"] == "cosine"


def test_draws_of_samples_are_nested() -> None:
    found = sweep(MODELS, over="n", values=[30, 80], k=5, **OPTIONS)
    whole = compare(MODELS, k=5, **OPTIONS)
    np.testing.assert_allclose(found.cka.sel(n=80), whole.cka, atol=1e-6)
    assert abs(float(found.cka.sel(n=30, model="a", other="b")) - float(whole.cka.sel(model="a", other="b"))) > 1e-6


def test_stability_is_that_of_the_order_of_pairs() -> None:
    found = sweep(MODELS, over="n", values=[40, 60, 80], k=5, **OPTIONS)
    np.testing.assert_allclose(np.diag(found.cka_stability), 1)
    assert (found.cka_stability.values > 0.7).all()
    few = sweep({name: MODELS[name] for name in "ab"}, over="k", values=[3, 5], **OPTIONS)
    assert np.isnan(few.mutual_knn_stability).all()


def test_groups_and_covariates_are_drawn_along() -> None:
    groups = [i // 2 for i in range(80)]
    found = sweep(
        MODELS, over="n", values=[40, 60], k=5, groups=groups, permutations=5, covariates=SHARED[:, :1], **OPTIONS
    )
    assert found.sizes["n"] == 2
    assert np.isfinite(found.cka_p).all()


def test_a_metric_must_depend_on_k() -> None:
    with pytest.raises(ValueError, match="cka depends on k"):
        sweep(MODELS, over="k", values=[3, 5], metrics=["cka"])


@pytest.mark.parametrize(
    ("over", "values", "wrong"),
    [
        ("d", [1, 2], "use k or n"),
        ("k", [5], "at least two"),
        ("k", [5, 5], "each once"),
        ("n", [3, 50], "n=3 to 50"),
        ("n", [50, 81], "80 are common"),
    ],
)
def test_what_cannot_be_swept(over: str, values: list[int], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        sweep(MODELS, over=over, values=values, **OPTIONS)  # type: ignore[arg-type]
