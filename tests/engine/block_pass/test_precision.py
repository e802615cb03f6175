"""Gram products of shorter numbers: their error has a bound, neighbours stay exact, scores hardly change."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare, device_mesh
from hyle.engine.base import InputError
from hyle.engine.block_pass import PassPlan, run_mesh_pass
from hyle.engine.gram import check_precision, median_of_prepared, multiplied, prepare
from hyle.engine.gram.precision import PRODUCT_ERROR

from .on_devices import arrays

SHORT = ["tf32x3", "bf16x3"]


@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("precision", SHORT)
def test_the_error_of_a_product_is_below_its_bound(precision: Any, scale: float) -> None:
    generator = np.random.default_rng(0)
    # Of one sign and of alternating ones, of equal and of very different sizes.
    rows = np.concatenate(
        [generator.normal(size=(60, 300)), abs(generator.normal(size=(60, 300))), generator.lognormal(0, 4, (60, 300))]
    ).astype(np.float32) * np.float32(scale)
    exact = rows.astype(np.float64) @ rows.astype(np.float64).T
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    found = np.asarray(multiplied(jnp.asarray(rows), jnp.asarray(rows), precision), np.float64)
    error = np.abs(found - exact) / np.outer(lengths, lengths)
    assert error.max() < PRODUCT_ERROR[precision] + 1e-6
    # The bound is not far from what happens, and far from full precision where that is expected.
    assert error.max() > (1e-6 if precision == "bf16x3" else 0)


@pytest.mark.parametrize("precision", [pytest.param("tf32x3", marks=pytest.mark.thorough), "bf16x3"])
def test_neighbours_are_exact_and_scores_hardly_change(precision: Any) -> None:
    prepared = [prepare(x) for x in arrays(200)]
    sigmas = [median_of_prepared(each) for each in prepared]
    plans = [
        PassPlan(("linear", "rbf", "distance"), (("cosine", 10), ("euclidean", 32)), 2, ordered=32, precision=name)
        for name in ("highest", precision)
    ]
    exact, found = (run_mesh_pass(prepared, plan, device_mesh(1), sigmas=sigmas) for plan in plans)
    for metric, tables in exact.tables.items():
        for one, other in zip(tables, found.tables[metric], strict=True):
            np.testing.assert_array_equal(one.indices, other.indices)
            np.testing.assert_array_equal(one.value, other.value)
    assert exact.ranks is not None
    np.testing.assert_allclose(found.ranks, exact.ranks, rtol=0.01 if precision == "bf16x3" else 1e-3)
    for kernel, sums in exact.sums.items():
        ratio = found.sums[kernel].hsic(debiased=True) / sums.hsic(debiased=True)
        np.testing.assert_allclose(ratio, 1, atol=1e-3 if precision == "bf16x3" else 1e-5)


def test_compare_says_which_it_used() -> None:
    given = {f"model {i}": x for i, x in enumerate(arrays(100))}
    found = compare(given, metrics=["cka_rbf", "mutual_knn"], k=5, mesh=device_mesh(1), precision="bf16x3")
    assert found.attrs["precision"] == "bf16x3"


def test_what_a_device_does_not_have_is_refused() -> None:
    given = {f"model {i}": x for i, x in enumerate(arrays(100))}
    with pytest.raises(InputError, match=r"precision='bf16x3' is for GPUs and TPUs, or a mesh of devices"):
        compare(given, k=5, precision="bf16x3")
    with pytest.raises(InputError, match="unknown precision 'half'"):
        compare(given, k=5, precision="half")
    with pytest.raises(InputError, match="'tf32x3' is for GPUs: a TPU has 'bf16x3'"):
        check_precision("tf32x3", "tpu", "float32")
    with pytest.raises(InputError, match="is for float32, and the representations are float64"):
        check_precision("bf16x3", "gpu", "float64")
