from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hyle.engine import calibrate, compare, list_metrics
from hyle.engine.context import MetricContext, permuted_table
from hyle.engine.gram import prepare
from hyle.engine.neighbours import NeighbourMetric, find_table
from hyle.engine.permutation.draw import draw

PAIR_METRICS = [metric.name for metric in list_metrics().values() if metric.kind == "pair"]
# Two classes have no intrinsic dimension; local maps need more samples.
UNDEFINED = {"id_correlation", "reconstruction_error_local"}
# Fitted to every second row.
SPLIT = {"linear_regression", "reconstruction_error"}
# Scores that also other permutations leave as they are.
SATURATED = {"cycle_knn"}


def two_classes(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return one-hot labels, and a linear map of them that rounds."""
    x = np.eye(2)[labels]
    return {"a": x, "b": x @ np.random.default_rng(1).normal(size=(2, 5)) + 3}


@pytest.mark.parametrize("labels", [[0, 1] * 4, [0, 0, 0, 0, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0, 1, 0]])
def test_permutations_that_leave_two_classes_as_they_are_count_as_ties(labels: list[int]) -> None:
    """All 7 shifts of 8 samples along a cycle are drawn; p is the share that maps each class to a class."""
    classes, names = np.array(labels), [name for name in PAIR_METRICS if name not in UNDEFINED]
    found = compare(two_classes(classes), metrics=names, k=3, permutations=7)
    kept = [len(set(zip(labels, classes[order], strict=True))) == 2 for order in draw(8, 7).orders]
    expected = (1 + sum(kept)) / 8
    if labels == [0, 1] * 4:
        assert expected == 0.25
        names = [name for name in names if name not in SPLIT]  # all training rows are of one class
    for name in names:
        p = float(found[f"{name}_p"].sel(model="a", other="b"))
        assert p >= expected if name in SATURATED else p == expected, name


def test_ties_do_not_depend_on_the_order_of_the_rows() -> None:
    class Embedded:
        def __init__(self, embedding: np.ndarray, ids: list[str]) -> None:
            self.embedding, self.ids = embedding, ids

    models, names = two_classes(np.arange(8) % 2), [n for n in PAIR_METRICS if n not in {*UNDEFINED, *SATURATED}]
    names = [name for name in names if name not in SPLIT]
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(8)
        moved = {name: Embedded(x[order], [str(i) for i in order]) for name, x in models.items()}
        found = compare(moved, metrics=names, k=3, permutations=7)
        assert [float(found[f"{name}_p"].sel(model="a", other="b")) for name in names] == [0.25] * len(names)


def neighbours(x: np.ndarray, k: int, cosine: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest neighbours [n, k] and the ranks [n, n] of all rows, in float64."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    far = -unit @ unit.T if cosine else ((x[:, None] - x) ** 2).sum(2)
    np.fill_diagonal(far, np.inf)
    order = np.argsort(far, axis=1, kind="stable")
    return order[:, :k], np.argsort(order, axis=1) + 1


def exact_scores(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, Fraction]:
    """Return scores of neighbours in exact arithmetic; less is more for the information imbalance."""
    n = len(x)
    first, second = (neighbours(v, k)[0] for v in (x, y))
    common = [len(set(a) & set(b)) for a, b in zip(first, second, strict=True)]
    returning = sum(any(i in first[j] for j in second[i]) for i in range(n))
    nearest, ranks = neighbours(x, 1, cosine=False)[0][:, 0], neighbours(y, 1, cosine=False)[1]
    return {
        "mutual_knn": Fraction(sum(common), n * k),
        "jaccard_knn": sum((Fraction(h, 2 * k - h) for h in common), Fraction(0)) / n,
        "cycle_knn": Fraction(returning, n),
        "information_imbalance": -Fraction(2 * int(ranks[np.arange(n), nearest].sum()), n * n),
    }


@pytest.mark.parametrize(("n", "k", "permutations"), [(20, 3, 19), (20, 3, 45)])
def test_p_of_counts_equals_exact_arithmetic(n: int, k: int, permutations: int) -> None:
    rng = np.random.default_rng(n)
    models = {f"m{i:02d}": rng.normal(size=(n, 3 + i % 4)).astype(np.float32).astype(np.float64) for i in range(12)}
    names, orders = list(models), draw(n, permutations).orders
    metrics = ["mutual_knn", "jaccard_knn", "cycle_knn", "information_imbalance"]
    found = compare(models, metrics=metrics, k=k, permutations=permutations)
    ties = 0
    for a in range(0, 12, 2):
        for b in range(a + 1, 12):
            x, y = models[names[a]], models[names[b]]
            score, null = exact_scores(x, y, k), [exact_scores(x, y[order], k) for order in orders]
            for name in metrics:
                drawn = [draw[name] for draw in null]
                ties += sum(value == score[name] for value in drawn)
                expected = Fraction(1 + sum(value >= score[name] for value in drawn), permutations + 1)
                p = float(found[f"{name}_p"].sel(model=names[a], other=names[b]))
                assert p == pytest.approx(float(expected), abs=1e-12), (name, names[a], names[b])
    assert ties > 100


@pytest.mark.parametrize("name", ["mutual_knn", "jaccard_knn", "cknna", "cknna_biased", "information_imbalance"])
def test_ties_broken_by_index_do_not_pass_for_alignment(name: str) -> None:
    """Labels that are drawn independently of each other have ties in every row, broken by the same indices."""
    rng = np.random.default_rng(3)
    models = {f"m{i:02d}": np.eye(3)[rng.integers(0, 3, 30)] for i in range(20)}
    found = compare(models, metrics=[name], k=4, permutations=19)
    p = found[f"{name}_p"].values[np.triu_indices(20, 1)]
    # Pairs share models: 0.05 +- 4 binomial standard deviations of 190 independent ones.
    assert (p <= 0.05).mean() < 0.115


def test_rounding_is_a_share_of_the_scale() -> None:
    null = np.array([[0.2, 2000.0], [0.5 * (1 - 1e-6), 5000 * (1 - 1e-6)], [0.5 * (1 - 1e-4), 5000 * (1 - 1e-4)]])
    np.testing.assert_array_equal(calibrate([0.5, 5000.0], null).p, [0.5, 0.5])
    np.testing.assert_array_equal(calibrate([0.5, 5000.0], null, rounding=2.0**-40).p, [0.25, 0.25])
    np.testing.assert_array_equal(calibrate([-0.5, -5000.0], -null, higher_is_better=False).p, [0.5, 0.5])
    tied = calibrate(0.5, [0.5 * (1 + 1e-7)] * 3, alpha=0.5)
    assert tied.p == 1
    assert tied.score == 0


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner_product"])
@pytest.mark.parametrize("k", [1, 4, 29])
def test_the_table_of_permuted_rows_is_that_of_a_search(metric: NeighbourMetric, k: int) -> None:
    generator = np.random.default_rng(k)
    rows = generator.normal(size=(8, 5)).astype(np.float32)[generator.integers(0, 8, 30)]
    context = MetricContext(["a"], [rows])
    for _ in range(5):
        order = generator.permutation(30)
        found = permuted_table(context, 0, order, k, metric)
        searched = find_table(prepare(rows[order]), k, metric, measured=True)
        np.testing.assert_array_equal(found.indices, searched.indices)
        np.testing.assert_array_equal(found.tied, searched.tied)
        np.testing.assert_allclose(found.value, searched.value, rtol=1e-5, atol=1e-6)
