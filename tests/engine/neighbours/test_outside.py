"""Neighbours outside of a label, against a search in float64 through all pairs."""

from __future__ import annotations

import itertools
from pathlib import Path

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


def nearest(x: np.ndarray, metric: str, labels: np.ndarray = LABELS, k: int = K) -> list[set[int]]:
    """Return the neighbours of each row by definition."""
    rows = x.astype(np.float64)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    far = -rows @ rows.T if metric == "inner_product" else ((rows[:, None] - rows) ** 2).sum(2)
    far[labels[:, None] == labels] = np.inf
    return [set(row.tolist()) for row in np.argsort(far, 1, kind="stable")[:, :k]]


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


BLOCKS = {"groups": LABELS, "permute": "blocks", "permutations": 39}


def test_scores_are_those_of_these_neighbours() -> None:
    a, b = nearest(X, "cosine"), nearest(Y, "cosine")
    wanted = np.mean([len(one & other) / K for one, other in zip(a, b, strict=True)])
    options = {"metrics": ["mutual_knn", "cknna", "information_imbalance"], "k": K, **BLOCKS}
    found = compare({"a": X, "b": Y}, neighbours_outside=LABELS, jackknife_groups=5, **options)
    assert float(found.mutual_knn.values[0, 1]) == pytest.approx(wanted, abs=1e-6)
    assert found.attrs["neighbours_outside"] == 12
    sizes = np.bincount(LABELS)[LABELS]
    assert float(found.mutual_knn_chance.values[0, 1]) == pytest.approx(np.mean(K / (N - sizes)), rel=0.01)
    assert float(found.mutual_knn_p.values[0, 1]) > 0.05  # nothing is shared but which rows belong together
    assert float(found.mutual_knn_se.values[0, 1]) > 0
    whole = compare({"a": X, "b": Y}, **options)
    assert float(whole.mutual_knn.values[0, 1]) > wanted  # both models know which rows belong together
    assert float(whole.cknna.values[0, 1]) != float(found.cknna.values[0, 1])
    # Ranks are those among all samples.
    np.testing.assert_array_equal(whole.information_imbalance, found.information_imbalance)
    np.testing.assert_array_equal(whole.information_imbalance_null, found.information_imbalance_null)


def test_chance_of_cycles_is_the_mean_over_permutations_that_keep_labels() -> None:
    """Of two labels of four samples, over all 24 x 24 orders within labels, by definition."""
    labels, k = np.repeat([0, 1], 4), 2
    x, y = np.random.default_rng(4).normal(size=(2, 8, 3))
    found = compare({"a": x, "b": y}, metrics=["cycle_knn"], k=k, neighbours_outside=labels)
    a, b = nearest(x, "cosine", labels, k), nearest(y, "cosine", labels, k)
    scores = []
    for first, second in itertools.product(itertools.permutations(range(4)), itertools.permutations(range(4, 8))):
        order = [*first, *second]
        moved = [{order.index(j) for j in b[order[i]]} for i in range(8)]
        scores.append(np.mean([any(i in a[j] for j in moved[i]) for i in range(8)]))
    assert found.cycle_knn.values[0, 1] == pytest.approx(scores[0])
    assert found.cycle_knn_chance.values[0, 1] == pytest.approx(np.mean(scores))


def test_chance_of_cycles_for_labels_of_unequal_size() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    x, y = np.random.default_rng(5).normal(size=(2, 100, 8))
    found = compare({"a": x, "b": y}, metrics=["cycle_knn"], k=5, neighbours_outside=labels)
    rng, a = np.random.default_rng(0), nearest(x, "cosine", labels, 5)
    others = [np.flatnonzero(labels != label) for label in labels]
    scores = [
        np.mean([any(i in a[j] for j in rng.choice(others[i], 5, replace=False)) for i in range(100)])
        for _ in range(200)
    ]
    assert found.cycle_knn_chance.values[0, 1] == pytest.approx(np.mean(scores), abs=4 * np.std(scores) / 200**0.5)


def masked(x: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the cosines of each row with its neighbours, and NaN elsewhere."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    kernel = np.full((len(x), len(x)), np.nan)
    for i, near in enumerate(nearest(x, "cosine", labels, k)):
        for j in near:
            kernel[i, j] = unit[i] @ unit[j]
    return kernel


def aligned(first: np.ndarray, second: np.ndarray, variant: str) -> float:
    """Return A(K, L) of CKNNA of two masked kernels by definition."""
    n, both = len(first), np.isfinite(first) & np.isfinite(second)
    p, q = np.where(both, first, 0), np.where(both, second, 0)
    if variant == "cknna_calibrated_form":
        centring = np.eye(n) - 1 / n
        return float(((centring @ p @ centring) * q).sum())
    through = p.sum(0) @ q.sum(1)
    return float((p * q.T).sum() + p.sum() * q.sum() / (n - 1) / (n - 2) - 2 / (n - 2) * through)


@pytest.mark.parametrize("variant", ["cknna", "cknna_calibrated_form"])
@pytest.mark.parametrize("sizes", [(50, 50), (5,) * 20])
def test_chance_of_cknna_is_the_mean_over_permutations_that_keep_labels(variant: str, sizes: tuple[int, ...]) -> None:
    labels, rng, k = np.repeat(np.arange(len(sizes)), sizes), np.random.default_rng(6), 5
    x, y = (rng.normal(size=(len(sizes), 6))[labels] * 0.7 + rng.normal(size=(100, 6)) for _ in range(2))
    found = compare({"a": x, "b": y}, metrics=[variant], k=k, neighbours_outside=labels)
    p, q = masked(x, labels, k), masked(y, labels, k)
    scale = (aligned(p, p, variant) * aligned(q, q, variant)) ** 0.5
    assert float(found[variant].values[0, 1]) == pytest.approx(aligned(p, q, variant) / scale, abs=1e-5)
    scores = []
    for _ in range(1000):
        whole = [rng.permutation(np.flatnonzero(labels == label)) for label in rng.permutation(len(sizes))]
        order = np.concatenate(whole)
        scores.append(aligned(p, q[np.ix_(order, order)], variant) / scale)
    chance = float(found[f"{variant}_chance"].values[0, 1])
    assert chance == pytest.approx(np.mean(scores), abs=4 * np.std(scores) / 1000**0.5)


def test_queries_search_outside_too() -> None:
    wanted = compare({"a": X, "b": Y}, neighbours_outside=LABELS, metrics=["mutual_knn", "cknna"], k=K)
    found = compare({"a": X, "b": Y}, neighbours_outside=LABELS, metrics=["mutual_knn", "cknna"], k=K, queries=N - 1)
    for metric in ("mutual_knn", "cknna"):
        assert float(found[metric].values[0, 1]) == pytest.approx(float(wanted[metric].values[0, 1]), abs=0.01)
    with pytest.raises(InputError, match="information_imbalance ranks all samples"):
        compare(
            {"a": X, "b": Y},
            neighbours_outside=LABELS,
            metrics=["mutual_knn", "information_imbalance"],
            k=K,
            queries=50,
        )


def test_checkpoints_of_other_labels_are_not_used(tmp_path: Path) -> None:
    options = {"metrics": "mutual_knn", "k": K, "queries": 60, "checkpoint": tmp_path}
    labels = np.arange(N) % 9
    compare({"a": X, "b": Y}, neighbours_outside=LABELS, **options)
    again = compare({"a": X, "b": Y}, neighbours_outside=labels, **options)
    fresh = compare({"a": X, "b": Y}, neighbours_outside=labels, **{**options, "checkpoint": None})
    np.testing.assert_array_equal(again.mutual_knn, fresh.mutual_knn)


def test_what_cannot_be_combined_is_an_error() -> None:
    with pytest.raises(InputError, match="has only 30 with another label"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=31, neighbours_outside=np.arange(N) < 60)
    with pytest.raises(InputError, match="exact search"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=K, neighbours_outside=LABELS, search="hnsw")
    with pytest.raises(InputError, match="neighbours_outside has 3 labels"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=K, neighbours_outside=[1, 2, 3])
    with pytest.raises(InputError, match="permutations that keep its samples together"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=K, neighbours_outside=LABELS, permutations=19)
    five = np.arange(N) % 5
    with pytest.raises(InputError, match="without a jackknife group, a sample has only 54"):
        compare({"a": X, "b": Y}, metrics="mutual_knn", k=60, neighbours_outside=five, groups=five, jackknife_groups=5)
