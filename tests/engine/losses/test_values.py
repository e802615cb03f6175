"""Each loss against what it is one less of, or against a plain float64 definition."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from scipy.special import softmax

from hyle.engine import cka, cknna, distance_correlation, information_imbalance, losses

from .. import definitions
from ..samples import K, N, single, views


def compiled(loss, x, y, **options):
    """The value of a loss as one program, which takes less long to compile than its operations one by one."""
    return float(jax.jit(partial(loss, **options))(x, y))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("debiased", [True, False])
def test_cka(kernel, debiased, float64):
    x, y = views(0)
    expected = 1 - definitions.cka(x, y, kernel, debiased)
    assert compiled(losses.cka_loss, x, y, kernel=kernel, debiased=debiased) == pytest.approx(expected, rel=1e-9)
    assert float(1 - cka(x, y, kernel=kernel, debiased=debiased)) == pytest.approx(expected, rel=1e-9)
    if kernel == "linear":
        for form in ("rows", "sums"):
            value = compiled(losses.cka_loss, x, y, debiased=debiased, form=form)
            assert value == pytest.approx(expected, rel=1e-9)


def test_cka_of_a_given_sigma(float64):
    x, y = views(1)
    value = compiled(losses.cka_loss, x, y, kernel="rbf", sigma=1.7)
    assert value == pytest.approx(1 - definitions.cka(x, y, "rbf", sigma=1.7), rel=1e-9)


@pytest.mark.parametrize("form", ["rows", "sums"])
def test_cka_far_from_the_origin_in_float32(form):
    x, y = (single(v + 200 * v.std()) for v in views(5))
    expected = 1 - definitions.cka(x, y)
    assert compiled(losses.cka_loss, x, y, form=form) == pytest.approx(expected, abs=1e-4)


def test_cknna(float64):
    x, y = views(2)
    expected = 1 - definitions.cknna(x, y, K)
    assert compiled(losses.cknna_loss, x, y, k=K) == pytest.approx(expected, rel=1e-9)
    assert float(1 - cknna(x, y, k=K)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("debiased", [True, False])
def test_distance_correlation(debiased, float64):
    x, y = views(3)
    value = compiled(losses.distance_correlation_loss, x, y, debiased=debiased)
    assert value == pytest.approx(1 - float(distance_correlation(x, y, debiased=debiased)), rel=1e-9)


def test_relational(float64):
    x, y = views(4)
    off = ~np.eye(N, dtype=bool)
    apart = definitions.similarity(x, "cosine") - definitions.similarity(y, "cosine")
    assert compiled(losses.relational_loss, x, y) == pytest.approx((apart[off] ** 2).mean(), rel=1e-9)
    a, b = (definitions.distances(v)[off] for v in (x, y))
    expected = ((a / a.mean() - b / b.mean()) ** 2).mean()
    assert compiled(losses.relational_loss, x, y, relation="distance") == pytest.approx(expected, rel=1e-9)


def test_cosine(float64):
    x, y = views(5)
    cosines = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert float(losses.cosine_loss(x, y)) == pytest.approx(1 - cosines.mean(), rel=1e-9)
    with pytest.raises(ValueError, match="use a projector from 5 to 12 columns"):
        losses.cosine_loss(x[:, :5], y)


def test_a_projector_that_is_trained_makes_coordinates_comparable():
    nnx, optax = pytest.importorskip("flax.nnx"), pytest.importorskip("optax")
    x, y = map(single, views(6, noise=0.1))
    projector = losses.Projector(x.shape[1], y.shape[1], hidden=64, rngs=nnx.Rngs(0))
    optimiser = nnx.Optimizer(projector, optax.adam(1e-3), wrt=nnx.Param)

    @nnx.jit
    def step(projector, optimiser):
        value, gradient = nnx.value_and_grad(lambda p: losses.cosine_loss(x, y, projector=p))(projector)
        optimiser.update(projector, gradient)
        return value

    values = [float(step(projector, optimiser)) for _ in range(100)]
    assert values[-1] < 0.2 * values[0]


def divergences(x, y, temperature):
    found = []
    a, b = (definitions.similarity(v, "cosine") / temperature for v in (x, y))
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        p, q = softmax(b[i, rest]), softmax(a[i, rest])
        found.append((p * np.log(p / q)).sum())
    return np.array(found)


def test_soft_neighbours(float64):
    x, y = views(7)
    found = divergences(x, y, 0.2)
    assert compiled(losses.soft_neighbour_loss, x, y, temperature=0.2) == pytest.approx(found.mean(), rel=1e-8)
    some = compiled(losses.soft_neighbour_loss, x, y, temperature=0.2, queries=10)
    assert some == pytest.approx(found[:10].mean(), rel=1e-8)


def imbalances(x, y, k, bandwidth=0.1):
    found, n = [], len(x)
    a, b = (definitions.distances(v) ** 2 for v in (x, y))
    for i in range(n):
        rest = np.arange(n) != i
        ranks = 1 + np.argsort(np.argsort(b[i, rest]))
        weights = softmax(-a[i, rest] / (bandwidth * np.sort(a[i, rest])[k - 1]))
        found.append(2 / n * weights @ ranks)
    return np.array(found)


def test_information_imbalance(float64):
    x, y = views(8)
    found = imbalances(x, y, K)
    assert compiled(losses.information_imbalance_loss, x, y, k=K) == pytest.approx(found.mean(), rel=1e-9)
    some = compiled(losses.information_imbalance_loss, x, y, k=K, queries=10)
    assert some == pytest.approx(found[:10].mean(), rel=1e-9)
    # Of a narrow bandwidth only the nearest is left.
    hard = compiled(losses.information_imbalance_loss, x, y, bandwidth=1e-4)
    assert hard == pytest.approx(float(information_imbalance(x, y)), rel=1e-6)


def test_by_chance():
    rng = np.random.default_rng(0)
    for name in ("cka", "distance_correlation", "cosine", "information_imbalance"):
        loss = jax.jit(getattr(losses, f"{name}_loss"))
        values = [float(loss(*single(rng.normal(size=(2, N, 8))))) for _ in range(40)]
        assert np.mean(values) == pytest.approx(1, abs=0.05), name


def test_mistakes_are_named():
    x, y = map(single, views(9))
    for words, call in {
        "linear or rbf": lambda: losses.cka_loss(x, y, kernel="poly"),
        "kernel='rbf'": lambda: losses.cka_loss(x, y, sigma=1.0),
        "rows or sums": lambda: losses.cka_loss(x, y, form="columns"),
        "only the linear kernel": lambda: losses.cka_loss(x, y, kernel="rbf", form="sums"),
        "at least 4 samples": lambda: losses.cka_loss(x[:3], y[:3]),
        "neighbours are not possible": lambda: losses.cknna_loss(x, y, k=N),
        "k=64": lambda: losses.information_imbalance_loss(x, y, k=N),
        "queries=65": lambda: losses.soft_neighbour_loss(x, y, queries=N + 1),
        "cosine or distance": lambda: losses.relational_loss(x, y, relation="angle"),
        "at least one row": lambda: losses.queue(0),
    }.items():
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(AttributeError, match="no attribute"):
        _ = losses.nothing
