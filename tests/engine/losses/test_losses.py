"""What all losses have in common."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import losses

from ..samples import EXAMPLES, scales, seeds, single

B, D1, D2 = 16, 6, 4
TURN = np.random.default_rng(9).normal(size=(D1, D2))


def project(x):
    return jnp.tanh(x @ jnp.asarray(TURN, x.dtype))


LOSSES = {
    "cka": lambda x, y, **o: losses.cka_loss(x, y, form="rows", **o),
    "cka sums": lambda x, y, **o: losses.cka_loss(x, y, form="sums", **o),
    "cka biased": lambda x, y, **o: losses.cka_loss(x, y, form="rows", debiased=False, **o),
    "cka biased sums": lambda x, y, **o: losses.cka_loss(x, y, form="sums", debiased=False, **o),
    "cka rbf": lambda x, y, **o: losses.cka_loss(x, y, kernel="rbf", **o),
    "cknna": lambda x, y, **o: losses.cknna_loss(x, y, k=3, **o),
    "soft neighbours": lambda x, y, **o: losses.soft_neighbour_loss(x, y, temperature=0.3, **o),
    "distance correlation": losses.distance_correlation_loss,
    "distance correlation biased": lambda x, y, **o: losses.distance_correlation_loss(x, y, debiased=False, **o),
    "relational": losses.relational_loss,
    "relational distance": lambda x, y, **o: losses.relational_loss(x, y, relation="distance", **o),
    "cosine": lambda x, y, **o: losses.cosine_loss(x, y, projector=project, **o),
    "information imbalance": lambda x, y, **o: losses.information_imbalance_loss(x, y, k=2, **o),
}
# Losses by kernels, neighbours, distances and ranks; tests that compile long programs take the others thoroughly.
OF_EACH_KIND = ("cka", "cknna", "relational", "information imbalance")
# What a batch costs that says nothing.
BY_CHANCE = {"information imbalance": 1.0} | {
    name: 1.0 for name in LOSSES if name.startswith(("cka", "cknna", "distance correlation"))
}
GRADIENTS = {name: jax.jit(jax.value_and_grad(loss)) for name, loss in LOSSES.items()}
# Other estimators and relations go through the same code, and one form of each is tried in every way.
LIKE_OTHERS = ("cka sums", "cka biased", "cka biased sums", "distance correlation biased", "relational distance")


def named(*thorough):
    return [pytest.param(name, marks=[pytest.mark.thorough] * (name in thorough)) for name in LOSSES]


most = pytest.mark.parametrize("name", named(*LIKE_OTHERS))
# Padding, dtypes and transformations are the business of what all losses share: one of every way through it.
FEW = ("cka", "cknna", "information imbalance")
few = pytest.mark.parametrize("name", named(*(name for name in LOSSES if name not in FEW)))
kinds = pytest.mark.parametrize("name", named(*(name for name in LOSSES if name not in OF_EACH_KIND)))


def batch(seed=0, b=B, d1=D1, d2=D2):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(b, 3))
    return tuple(latent @ rng.normal(size=(3, d)) + 0.7 * rng.normal(size=(b, d)) + 0.5 for d in (d1, d2))


@most
def test_gradient_equals_finite_differences(name, float64):
    both = jax.jit(jax.value_and_grad(LOSSES[name], (0, 1)))  # one program for the value and its gradient
    for seed in (1, 2, 3):
        x, y = map(jnp.asarray, batch(seed))
        for side, found in enumerate(both(x, y)[1]):
            step = np.random.default_rng(seed + 9).normal(size=found.shape)
            moves = [[sign * 1e-6 * step if i == side else 0 for i in range(2)] for sign in (1, -1)]
            ends = [float(both(x + a, y + b)[0]) for a, b in moves]
            assert found.dtype == jnp.float64
            assert np.isfinite(found).all()
            assert float((found * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-8)
            assert float(jnp.abs(found).max()) > 1e-6 or (name, side) == ("information imbalance", 1)


@few
def test_padding_changes_neither_value_nor_gradient(name):
    x, y = map(single, batch(3, B - 5))
    value, gradient = GRADIENTS[name](x, y)
    places = np.random.default_rng(4).permutation(B)[: B - 5]
    for filler in (0, 1e30, np.nan, np.inf):
        wide = [np.full((B, v.shape[1]), filler, np.float32) for v in (x, y)]
        for v, rows in zip(wide, (x, y), strict=True):
            v[np.sort(places)] = rows
        where = np.isin(np.arange(B), places)
        padded, its = GRADIENTS[name](*wide, where=where)
        assert float(padded) == pytest.approx(float(value), rel=2e-6, abs=2e-7)
        np.testing.assert_allclose(its[np.sort(places)], gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())
        assert not np.asarray(its)[~where].any()


def hard():
    x, y = map(single, batch(5))
    twice = np.concatenate([x[:8], x[:8]])
    zeros = x.copy()
    zeros[::3] = 0
    far = x + np.float32(1e4)
    flat = x.copy()
    flat[:, 1:] = 0
    clusters = np.repeat(x[:2], 8, 0)
    cases = {
        "duplicates": (twice, y),
        "duplicates in both": (twice, np.concatenate([y[:8], y[:8]])),
        "two points": (clusters, y),
        "two points in both": (clusters, np.repeat(y[:2], 8, 0)),
        "zero rows": (zeros, y),
        "zero rows in the teacher": (x, np.where(zeros[:, :1] == 0, 0, y)),
        "all zero": (np.zeros_like(x), y),
        "constant": (np.full_like(x, 3.3), y),
        "constant teacher": (x, np.full_like(y, 0.1)),
        "both constant": (np.full_like(x, 3.3), np.full_like(y, 0.1)),
        "the same": (np.pad(y, ((0, 0), (0, 2))), y),
        "far from the origin": (far, y),
        "one column": (flat, y),
        "simplex": (np.eye(B, D1, dtype=np.float32), y),
        "tiny": (x * np.float32(1e-25), y),
        "huge": (x * np.float32(1e25), y),
        "nearly constant": (1 + np.float32(1e-7) * np.round(x), y),
    }
    return {name: (a.astype(np.float32), b.astype(np.float32)) for name, (a, b) in cases.items()}


@most
@pytest.mark.parametrize("case", hard())
def test_finite_at_the_edges(name, case):
    x, y = hard()[case]
    value, gradient = GRADIENTS[name](x, jax.lax.stop_gradient(y))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if "constant" in case.split()[:2] and "nearly" not in case and name in BY_CHANCE and not name.startswith("cknna"):
        assert float(value) == pytest.approx(BY_CHANCE[name], abs=1e-6)
        assert not np.asarray(gradient).any()


@few
def test_finite_for_a_handful_of_rows(name):
    for seed in range(9):
        value, gradient = GRADIENTS[name](*map(single, batch(seed, 4)))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@few
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_finite_where_nearly_all_is_padding(name, rows):
    value, gradient = GRADIENTS[name](*map(single, batch(6)), where=np.arange(B) < rows)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@most
def test_what_is_not_finite_shows(name):
    x, y = map(single, batch(7))
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[3, 2] = bad
        assert np.isnan(GRADIENTS[name](broken, y)[0])
        broken = y.copy()
        broken[3, 2] = bad
        assert np.isnan(GRADIENTS[name](x, broken)[0])


@few
def test_16_bit_rows_are_computed_in_float32(name):
    x, y = (jnp.asarray(single(v)).astype(jnp.bfloat16) for v in batch(8))
    value, gradient = GRADIENTS[name](x, y)
    exact, slope = GRADIENTS[name](x.astype(jnp.float32), y.astype(jnp.float32))
    assert value.dtype == jnp.float32
    assert gradient.dtype == jnp.bfloat16
    assert float(value) == pytest.approx(float(exact), rel=1e-6)
    np.testing.assert_allclose(gradient.astype(jnp.float32), slope, rtol=1e-2, atol=1e-2 * np.abs(slope).max())


@few
def test_under_vmap_and_scan_the_loop(name):
    x, y = (jnp.stack(side) for side in zip(*(map(single, batch(seed)) for seed in range(3)), strict=True))
    where = np.arange(3 * B).reshape(3, B) % 7 > 0
    step = jax.value_and_grad(LOSSES[name])
    alone = [GRADIENTS[name](*rows, where=keep) for *rows, keep in zip(x, y, where, strict=True)]

    def carry(total, rows):
        value, gradient = step(*rows[:2], where=rows[2])
        return total + value, gradient

    together = jax.jit(jax.vmap(lambda x, y, keep: step(x, y, where=keep)))(x, y, where)
    total, gradients = jax.jit(lambda *rows: jax.lax.scan(carry, jnp.zeros(()), rows))(x, y, where)
    np.testing.assert_allclose(together[0], [value for value, _ in alone], rtol=1e-5, atol=1e-6)
    assert float(total) == pytest.approx(sum(float(value) for value, _ in alone), rel=1e-5)
    for i, (_, gradient) in enumerate(alone):
        for found in (together[1][i], gradients[i]):
            np.testing.assert_allclose(found, gradient, rtol=1e-3, atol=1e-5 * np.abs(gradient).max())


@most
def test_order_of_samples_changes_nothing(name):
    x, y = map(single, batch(9))
    order = np.random.default_rng(0).permutation(B)
    value, gradient = GRADIENTS[name](x, y)
    other, its = GRADIENTS[name](x[order], y[order])
    assert float(other) == pytest.approx(float(value), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(its, gradient[order], rtol=1e-3, atol=1e-5 * np.abs(gradient).max())


@most
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_scale_changes_nothing(name, seed, scale):
    if name == "cosine":
        return  # whose projector is no line
    x, y = batch(seed % 1000)
    value = GRADIENTS[name](single(x), single(y))[0]
    other, gradient = GRADIENTS[name](single(x * scale), single(y / scale))
    assert float(other) == pytest.approx(float(value), rel=1e-4, abs=1e-5)
    # And so the gradient does not ask for another scale.
    assert abs(float((gradient * single(x * scale)).sum())) < 1e-4


@few
def test_a_few_steps_lower_it(name):
    x, y = map(single, batch(11))
    first, _ = GRADIENTS[name](x, y)
    for _ in range(30):
        _, gradient = GRADIENTS[name](x, y)
        x = x - 0.3 * gradient / (jnp.abs(gradient).max() + 1e-12)
    assert GRADIENTS[name](x, y)[0] < first - 0.05 * abs(float(first))


@kinds
def test_under_a_named_axis_the_whole_batch(name):
    x, y = map(single, batch(12))
    where = np.arange(B) % 5 != 2
    value, gradient = GRADIENTS[name](x, y, where=where)
    parts = [v.reshape(4, B // 4, -1) for v in (x, y)]
    step = jax.value_and_grad(lambda x, y, keep: LOSSES[name](x, y, where=keep, axis_name="rows"))
    values, gradients = jax.jit(jax.vmap(step, axis_name="rows"))(*parts, where.reshape(4, -1))
    np.testing.assert_allclose(values, value, rtol=1e-5, atol=1e-6)
    # As of any mean over a named axis, whose derivative adds up over the four places.
    np.testing.assert_allclose(gradients.reshape(B, -1) / 4, gradient, rtol=1e-3, atol=1e-5 * np.abs(gradient).max())


@most
def test_mistakes_are_named(name):
    x, y = map(single, batch(13))
    with pytest.raises(ValueError, match="row i of both must be the same sample"):
        LOSSES[name](x, y[1:])
    with pytest.raises(ValueError, match=r"where must be bool \[16\]"):
        LOSSES[name](x, y, where=np.ones(B))
    with pytest.raises(ValueError, match=r"where must be bool \[16\]"):
        LOSSES[name](x, y, where=np.ones(B - 1, bool))


WRONG = [
    (value, rows, side) for value in (np.nan, np.inf, -np.inf) for rows in ("entry", "row", "all") for side in (0, 1)
]


def broken(size, value, rows, side):
    n, d = size
    sides = [np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32) for seed in (1, 2)]
    sides[side][{"entry": (3, 2), "row": 3, "all": slice(None)}[rows]] = value
    return sides


def check_shown(name, value, gradients):
    assert np.isnan(value), name
    for side, gradient in enumerate(gradients):
        if name == "information imbalance" and side == 1:
            assert not np.asarray(gradient).any()  # ranks have no gradient
        else:
            assert np.isnan(gradient).all(), (name, side)


# XLA's maximum on a CPU loses NaN from 4,096 elements on: 64 x 64.
@pytest.mark.parametrize(
    "size", [(64, 64), *(pytest.param(each, marks=pytest.mark.thorough) for each in ((16, 8), (256, 256)))]
)
@kinds
def test_what_is_not_finite_shows_in_value_and_gradient_of_any_size(name, size):
    loss = LOSSES[name] if name != "cosine" else losses.cosine_loss
    step = jax.value_and_grad(loss, (0, 1))
    compiled, mapped = jax.jit(step), jax.jit(jax.vmap(step))
    good = broken(size, 0, "entry", 0)
    for value, rows, side in WRONG:
        sides = broken(size, value, rows, side)
        check_shown(name, *compiled(*sides))
    if name == "relational":  # one operation after the other, which all losses share
        check_shown(name, *step(*sides))
    values, gradients = mapped(*(np.stack(pair) for pair in zip(sides, good, strict=True)))
    check_shown(name, values[0], [gradient[0] for gradient in gradients])
    assert np.isfinite(values[1])  # the other batch is not touched
    assert all(np.isfinite(gradient[1]).all() for gradient in gradients)


@kinds
def test_what_is_not_finite_on_one_device_shows_on_all(name):
    n, d, parts = 64, 64, 4
    loss = LOSSES[name] if name != "cosine" else losses.cosine_loss
    step = jax.value_and_grad(lambda x, y: loss(x, y, axis_name="rows"), (0, 1))
    sides = [side.reshape(parts, n // parts, d) for side in broken((n, d), np.nan, "row", 0)]
    values, gradients = jax.jit(jax.vmap(step, axis_name="rows"))(*sides)
    assert np.isnan(values).all()
    assert np.isnan(gradients[0]).all()


@kinds
def test_padding_that_is_not_finite_does_not_show_in_large_batches(name):
    loss = LOSSES[name] if name != "cosine" else losses.cosine_loss
    sides = broken((64, 64), np.nan, "row", 0)
    value, gradient = jax.jit(jax.value_and_grad(loss))(*sides, where=np.arange(64) != 3)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@kinds
def test_rows_whose_sums_are_out_of_range_are_no_constant_rows(name):
    loss = LOSSES[name] if name != "cosine" else losses.cosine_loss
    x, y = broken((64, 64), 0, "entry", 0)
    compiled = jax.jit(loss)
    value = float(compiled(np.sign(x) * np.float32(3e38), y))
    assert np.isnan(value) or abs(value - float(compiled(np.sign(x), y))) < 1e-3


@pytest.mark.parametrize(
    "name", [name for name in BY_CHANCE if name.startswith(("cka", "dist")) and "biased" not in name]
)
def test_equal_distances_have_no_gradient(name):
    corners = single(np.linalg.qr(np.random.default_rng(0).normal(size=(250, 250)))[0][:200])
    other = single(np.random.default_rng(1).normal(size=(200, D2)))
    value, gradient = GRADIENTS[name](corners, other)
    assert float(value) == pytest.approx(1, abs=1e-6)
    assert not np.asarray(gradient).any()
