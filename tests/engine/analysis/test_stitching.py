"""Zero-shot stitching and agreement by sample, on planted truth and on noise."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import relative_agreement, stitching

N, ANCHORS = 300, np.arange(30)


def rotated(x: np.ndarray, width: int, seed: int) -> np.ndarray:
    """The same geometry in other coordinates, of another width, scaled and shifted."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))
    return 7 * np.pad(x, ((0, 0), (0, width - x.shape[1]))) @ q + 3


@pytest.fixture(scope="module")
def models() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(N, 5))
    return {
        "a": latent,
        "b": rotated(latent, 16, 1),
        "noisy": rotated(latent + 0.3 * generator.normal(size=latent.shape), 8, 2),
        "other": generator.normal(size=(N, 5)),
    }


@pytest.fixture(scope="module")
def relative(models) -> dict[str, np.ndarray]:
    units = {name: x - x.mean(0) for name, x in models.items()}
    units = {name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in units.items()}
    return {name: (x @ x[ANCHORS].T)[len(ANCHORS) :] for name, x in units.items()}


@pytest.fixture(scope="module")
def label(models) -> np.ndarray:
    return (models["a"] @ np.array([1.0, -2, 0.5, 0, 1]))[len(ANCHORS) :]


def test_a_rotated_model_reads_the_head_as_its_own(models, relative, label):
    own = {name: x[len(ANCHORS) :] for name, x in models.items()}
    found = stitching(relative, label, own=own, composition=own["a"][:, :1], penalty=1e-2)
    r2 = dict(zip(found.models, found.r2.value, strict=True))
    assert r2["a"][0] > 0.8
    np.testing.assert_allclose(found.r2.value[0, 1], found.r2.value[1, 1], atol=1e-4)
    assert abs(found.loss.value[0, 1]) < 1e-4
    # Noise costs something, and the interval says so.
    assert 0.3 < r2["a"][2] < r2["a"][0]
    assert found.loss.low[2, 0] < found.loss.value[2, 0] < found.loss.high[2, 0]
    # An unrelated model is no use on either side.
    assert r2["a"][3] < 0.02
    assert r2["other"][0] < 0.1
    assert (found.p[:3, :3] == 0.01).all()
    assert found.p[0, 3] > 0.05
    assert found.p[3, 0] > 0.05
    assert found.own.value[0] > 0.999
    assert found.beyond.low[0, 1] > 0
    assert found.r2.low[0, 1] < found.r2.value[0, 1] < found.r2.high[0, 1]
    assert found.mae[0, 0] < found.baseline_mae


def test_standardised_columns_of_a_model_that_is_stretched(relative, label):
    stretched = {"a": relative["a"], "b": 5 * relative["a"] + 2}
    plain, scaled = (stitching(stretched, label, standardise=s, penalty=1e-2).r2.value for s in (False, True))
    assert plain[0, 1] < 0
    np.testing.assert_allclose(scaled[0, 1], scaled[0, 0], atol=1e-6)


def test_groups_are_held_out_whole():
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 5)
    # Rows tell the group and nothing else, and the label is one number of the group.
    rows = np.eye(40)[groups] + 0.01 * generator.normal(size=(200, 40))
    label = generator.normal(size=40)[groups]
    leaking, held_out = (stitching({"a": rows}, label, groups=g, penalty=1e-3) for g in (None, groups))
    assert leaking.r2.value[0, 0] > 0.9
    assert held_out.r2.value[0, 0] < 0.1
    assert held_out.groups == 40


def test_noise_explains_nothing():
    generator = np.random.default_rng(2)
    above, significant = [], []
    for _ in range(40):
        z, y = generator.normal(size=(100, 8)), generator.normal(size=100)
        found = stitching({"a": z, "b": generator.normal(size=(100, 8))}, y, permutations=19)
        above.append(found.r2.low > 0)
        significant.append(found.p <= 0.05)
    assert np.mean(above) <= 0.05
    assert np.mean(significant) <= 0.1


def test_samples_without_a_label_are_excluded(relative, label):
    some = label.copy()
    some[::3] = np.nan
    assert stitching(relative, some).n == np.isfinite(some).sum()
    shape = stitching(relative, some).own.value.shape
    assert shape == (0,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": np.full(270, np.nan)}, "0 samples of 0 groups"),
        ({"label": np.ones(270)}, "same for all samples"),
        ({"label": np.ones(3)}, "n labels"),
        ({"groups": ["x"] * 270}, "1 groups"),
        ({"groups": ["x"] * 3}, "3 groups for 270 samples"),
        ({"folds": 2}, "got 2 folds"),
        ({"penalty": 0.0}, "above 0"),
        ({"penalty": float("nan")}, "above 0"),
    ],
)
def test_mistakes_are_named(relative, label, change, words):
    options = {"label": label, **change}
    with pytest.raises(ValueError, match=words):
        stitching(relative, options.pop("label"), **options)


def test_rows_that_do_not_fit_are_named(relative, label):
    with pytest.raises(ValueError, match="30, 29 columns"):
        stitching({"a": relative["a"], "b": relative["b"][:, 1:]}, label)
    broken = relative["a"].copy()
    broken[3, 0] = np.inf
    with pytest.raises(ValueError, match="b: 1 of 270"):
        stitching({"a": relative["a"], "b": broken}, label)


def test_agreement_by_sample(relative):
    found = relative_agreement(relative)
    at = {name: i for i, name in enumerate(found.models)}
    assert found.cosine[at["a"], at["b"]] == pytest.approx(1, abs=1e-5)
    assert found.cosine[at["a"], at["noisy"]] > 0.7
    excess = found.cosine - found.chance
    assert abs(excess[at["a"], at["other"]]) < 3 * found.se[at["a"], at["other"]]
    u, v = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (relative["a"], relative["noisy"]))
    cosines = u.astype(np.float64) @ v.T
    assert found.cosine[at["a"], at["noisy"]] == pytest.approx(np.diag(cosines).mean())
    mismatched = cosines[~np.eye(len(cosines), dtype=bool)].mean()
    assert found.chance[at["a"], at["noisy"]] == pytest.approx(mismatched, abs=1e-5)
    with pytest.raises(ValueError, match="two are needed"):
        relative_agreement(relative, groups=["x"] * 270)
