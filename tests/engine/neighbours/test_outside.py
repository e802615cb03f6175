"""Neighbours outside of a label, against a search in float64 through all pairs."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.base import InputError
from hyle.engine.gram import prepare
from hyle.engine.neighbours import find_table, neighbours

N, K = 90, 7
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 12, N).astype(np.int32)
# What members of a label have in common makes them neighbours of each other.
X, Y = (
    (RNG.normal(size=(12, 5))[LABELS] + 0.2 * RNG.normal(size=(N, 5))).astype(np.float32) + shift for shift in (0, 3)
)


def nearest(x: np.ndarray, metric: str) -> list[set[int]]:
    """Return the neighbours of each row by definition."""
    rows = x.astype(np.float64)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    far = -rows @ rows.T if metric == "inner_product" else ((rows[:, None] - rows) ** 2).sum(2)
    far[LABELS[:, None] == LABELS] = np.inf
    return [set(row.tolist()) for row in np.argsort(far, 1, kind="stable")[:, :K]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner_product"])
@pytest.mark.parametrize("of_jax", [False, True])
def test_neighbours_have_another_label(metric: str, of_jax: bool) -> None:
    wanted = nearest(Y, metric)
    if of_jax:
        found = neighbours(jnp.asarray(Y), K, metric, where=jnp.asarray(LABELS)).indices
    else:
        found = find_table(prepare(Y), K, metric, where=LABELS).indices
    assert [set(row) for row in np.asarray(found).tolist()] == wanted


def test_rows_with_many_ties_keep_their_labels_apart() -> None:
    rows = np.repeat(np.eye(6, dtype=np.float32), 15, axis=0)
    found = np.asarray(find_table(prepare(rows), K, "euclidean", where=LABELS).indices)
    assert (LABELS[found] != LABELS[:, None]).all()


def test_scores_are_those_of_these_neighbours() -> None:
    a, b = nearest(X, "cosine"), nearest(Y, "cosine")
    wanted = np.mean([len(one & other) / K for one, other in zip(a, b, strict=True)])
    options = {"metrics": ["mutual_knn", "cknna", "information_imbalance"], "k": K, "jackknife_groups": 5}
    found = compare({"a": X, "b": Y}, neighbours_outside=LABELS, permutations=9, **options)
    assert float(found.mutual_knn.values[0, 1]) == pytest.approx(wanted, abs=1e-6)
    assert found.attrs["neighbours_outside"] == 12
    whole = compare({"a": X, "b": Y}, permutations=9, **options)
    assert float(whole.mutual_knn.values[0, 1]) > wanted  # both models know which rows belong together
    assert float(whole.cknna.values[0, 1]) != float(found.cknna.values[0, 1])
    # Ranks are those among all samples.
    np.testing.assert_array_equal(whole.information_imbalance, found.information_imbalance)
    np.testing.assert_array_equal(whole.information_imbalance_null, found.information_imbalance_null)
    queries = compare({"a": X, "b": Y}, neighbours_outside=LABELS, metrics="mutual_knn", k=K, queries=N - 5)
    assert float(queries.mutual_knn.values[0, 1]) == pytest.approx(wanted, abs=0.05)


def test_too_few_other_samples_are_an_error() -> None:
    with pytest.raises(InputError, match="has only 30 with another label"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=31, neighbours_outside=np.arange(N) < 60)
    with pytest.raises(InputError, match="exact search"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=K, neighbours_outside=LABELS, search="hnsw")
    with pytest.raises(InputError, match="neighbours_outside has 3 labels"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=K, neighbours_outside=[1, 2, 3])
