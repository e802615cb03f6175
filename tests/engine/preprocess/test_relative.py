from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import relative_representation

from ..samples import EXAMPLES, D, N, rotation, scales, seeds, single, views

ANCHORS = [0, 7, 21, 40]
CENTRINGS = ("none", "rows", "anchors")


def defined(x, anchors, centring="none"):
    x = np.asarray(x).astype(np.float64)
    anchors = x[anchors] if np.ndim(anchors) == 1 else np.asarray(anchors).astype(np.float64)
    middle = {"none": 0, "rows": x.mean(0), "anchors": anchors.mean(0)}[centring]
    x, anchors = x - middle, anchors - middle
    return np.array([[a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for b in anchors] for a in x])


@pytest.mark.parametrize("centring", CENTRINGS)
def test_definition(centring):
    x = single(views(1)[0] + 3)
    expected = defined(x, ANCHORS, centring)
    for anchors in (ANCHORS, np.array(ANCHORS), x[ANCHORS]):
        found = relative_representation(x, anchors, centring=centring)
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_definition_in_float64(float64):
    x = views(1)[0]
    np.testing.assert_allclose(relative_representation(x, ANCHORS), defined(x, ANCHORS), atol=1e-14)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_rotated_models_of_other_width_agree(seed, scale):
    x = views(seed)[0]
    wider = np.pad(x, ((0, 0), (0, 5))) @ rotation(D + 5, seed) * scale
    found = relative_representation(single(wider), ANCHORS)
    np.testing.assert_allclose(found, relative_representation(single(x), ANCHORS), atol=2e-6)
    assert np.abs(found).max() <= 1
    for centring in ("rows", "anchors"):
        moved = relative_representation(single(wider + 20 * wider.std()), ANCHORS, centring=centring)
        np.testing.assert_allclose(moved, defined(x, ANCHORS, centring), atol=2e-4)


def test_new_rows_do_not_move_the_old_if_centred_by_the_anchors():
    x = single(views(2)[0])
    for centring, still in (("anchors", True), ("none", True), ("rows", False)):
        all_rows = relative_representation(x, ANCHORS, centring=centring)
        fewer = relative_representation(x[: N - 10], x[ANCHORS], centring=centring)
        assert np.allclose(all_rows[: N - 10], fewer, atol=1e-6) == still


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x = views(3)[0]
    found = relative_representation(single(x * scale), ANCHORS, centring="rows")
    np.testing.assert_allclose(found, defined(x, ANCHORS, "rows"), atol=2e-6)


def test_far_from_the_origin_in_float32():
    x = single(views(4)[0])
    x = x + 200 * x.std()
    found = relative_representation(x, ANCHORS, centring="rows")
    np.testing.assert_allclose(found, defined(x, ANCHORS, "rows"), atol=1e-5)


def test_rows_of_length_zero_and_not_finite():
    x = single(views(5)[0])
    x[[0, 3]] = 0
    found = np.asarray(relative_representation(x, ANCHORS))
    assert not found[3].any()
    assert not found[:, 0].any()
    assert np.isfinite(jax.jit(jax.grad(lambda v: relative_representation(v, ANCHORS).sum()))(x)).all()
    x[5, 5] = np.nan
    assert np.isnan(relative_representation(x, ANCHORS)).all()


def test_jit_vmap_and_bfloat16():
    xs = jnp.asarray(np.stack([views(s)[0] for s in range(3)]), "bfloat16")
    rows = jnp.asarray(ANCHORS)
    found = jax.jit(jax.vmap(relative_representation, (0, None)))(xs, rows)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[2], defined(xs[2], ANCHORS), atol=2e-6)


def test_gradient_equals_finite_differences(float64):
    x = views(6)[0]
    step, weight = np.random.default_rng(0).normal(size=x.shape), np.random.default_rng(1).normal(size=(N, 4))

    def score(v):
        return (relative_representation(v, ANCHORS, centring="rows") * weight).sum()

    difference = (float(score(x + 1e-6 * step)) - float(score(x - 1e-6 * step))) / 2e-6
    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize(
    ("anchors", "options", "words"),
    [
        ([], {}, "no anchors"),
        ([0, N], {}, "row numbers from 0 to 63"),
        ([-1, 2], {}, "got -1 to 2"),
        (np.ones((3, D + 1)), {}, "same model"),
        (np.ones(3), {}, "anchors must be a matrix"),
        ([0], {"centring": "columns"}, "none, rows, anchors"),
    ],
)
def test_mistakes_are_named(anchors, options, words):
    with pytest.raises(ValueError, match=words):
        relative_representation(single(views(0)[0]), anchors, **options)
