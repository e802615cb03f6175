"""compare() against the float64 definitions, every metric of the pass, wherever and however large the rows are."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare, list_metrics

from . import definitions
from .samples import D, K, N, views

VARIANTS = ("biased", "row_centred", "double_centred", "calibrated_form")
DEFINITIONS = {
    "cka": definitions.cka,
    "cka_biased": lambda x, y: definitions.cka(x, y, debiased=False),
    "cka_rbf": lambda x, y: definitions.cka(x, y, "rbf"),
    "cka_rbf_biased": lambda x, y: definitions.cka(x, y, "rbf", debiased=False),
    "distance_correlation": definitions.distance_correlation,
    "distance_correlation_biased": lambda x, y: definitions.distance_correlation(x, y, debiased=False),
    "mutual_knn": lambda x, y: definitions.mutual_knn(x, y, K),
    "jaccard_knn": lambda x, y: definitions.jaccard_knn(x, y, K),
    "cycle_knn": lambda x, y: definitions.cycle_knn(x, y, K),
    "second_order_cosine": lambda x, y: definitions.second_order_cosine(x, y, K),
    "rank_similarity": lambda x, y: definitions.rank_similarity(x, y, K),
    "cknna": lambda x, y: definitions.cknna(x, y, K),
    **{f"cknna_{v}": lambda x, y, v=v: definitions.cknna_variant(x, y, K, v) for v in VARIANTS},
    "information_imbalance": lambda x, y: definitions.information_imbalance(x, y, K),
}


def repeated(x, y):
    x, y = x.copy(), y.copy()
    x[[3, 9, 40]] = x[50]
    y[[9, 11]] = y[50]
    return x, y


def wide(x, y):
    """More columns than rows, each of them with a little of its own."""
    rng = np.random.default_rng(1)
    return tuple(v @ rng.normal(size=(D, 2 * N)) + 0.2 * rng.normal(size=(N, 2 * N)) for v in (x, y))


# Of float64 rows x and y with a standard deviation near 1.
CASES = {
    "near": lambda x, y: (x, y),
    "far": lambda x, y: (x + 200 * x.std(), y + 200 * y.std()),
    "one far": lambda x, y: (x - 200 * x.std(), y),
    "small": lambda x, y: (1e-4 * x, y),
    "large": lambda x, y: (x, 1e4 * y),
    "small and far": lambda x, y: (1e-4 * (x + 200 * x.std()), 1e4 * y),
    "wide": wide,
    "repeated rows": repeated,
}
TABLE = [
    *((case, "float32", 1e-4) for case in CASES),
    *((case, "float64", 1e-9) for case in ("near", "far", "repeated rows")),
    # What float32 can do, float64 can.
    *(
        pytest.param(case, "float64", 1e-9, marks=pytest.mark.thorough)
        for case in ("one far", "small", "large", "small and far", "wide")
    ),
    ("near", "bfloat16", 1e-4),
    ("near", "float16", 1e-4),
    ("repeated rows", "bfloat16", 1e-4),
]


def test_every_metric_of_the_pass_has_a_definition_here():
    assert set(DEFINITIONS) == {name for name, m in list_metrics().items() if m.kind == "pair" and m.needs}


@functools.cache
def rows(case, dtype):
    """The rows as they are given, rounded to the dtype; the definitions get the same."""
    return [np.asarray(v).astype(jnp.dtype(dtype)) for v in CASES[case](*views(0))]


@functools.cache
def compared(case, dtype):
    x, y = rows(case, dtype)
    with jax.enable_x64(dtype == "float64"):
        return compare({"x": x, "y": y}, metrics=list(DEFINITIONS), k=K, rank_k=K)


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize(("case", "dtype", "digits"), TABLE)
def test_value_is_that_of_the_definition(case, dtype, digits, name):
    x, y = rows(case, dtype)
    found = compared(case, dtype)
    assert found.attrs["dtype"] == ("float64" if dtype == "float64" else "float32")
    value = found[name].sel(model="x", other="y").item()
    assert value == pytest.approx(DEFINITIONS[name](x, y), rel=digits)
    if not list_metrics()[name].symmetric:
        assert found[name].sel(model="y", other="x").item() == pytest.approx(DEFINITIONS[name](y, x), rel=digits)
