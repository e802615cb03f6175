from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import probe
from hyle.engine.analysis.probe import fit
from hyle.engine.analysis.ridge import PENALTIES


@pytest.mark.parametrize("kind", ["ridge", "knn"])
def test_a_probe_finds_what_is_there_and_nothing_in_noise(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    label = x[:, 0] + 0.1 * rng.normal(size=300)
    label[:20] = np.nan
    found = probe(x, label, kind=kind, train=150)
    assert (found.train, found.test) == (150, 130)
    assert found.r2 > (0.95 if kind == "ridge" else 0.6)
    assert found.mae < found.baseline / 2
    nothing = probe(rng.normal(size=(300, 40)), label, kind=kind, train=150)
    assert nothing.r2 < 0.1
    assert nothing.mae > 0.9 * nothing.baseline


def test_draws_are_the_same_for_every_embedding_of_the_samples() -> None:
    label = np.random.default_rng(1).normal(size=60)
    first, second = (probe(np.random.default_rng(seed).normal(size=(60, 3)), label) for seed in (2, 3))
    assert first.baseline == second.baseline
    assert first.mae != second.mae


def test_what_cannot_be_probed() -> None:
    for arguments, wrong in (
        ((np.zeros((30, 2)), np.zeros(29)), "got shapes"),
        ((np.zeros((30, 2)), np.zeros(30)), "24 to fit on and 6 to test"),
    ):
        with pytest.raises(ValueError, match=wrong):
            probe(*arguments)
    broken = np.zeros((30, 2))
    broken[[7, 11], 1] = np.nan, np.inf
    label = np.where(np.arange(30) == 7, np.nan, 1.0)
    with pytest.raises(ValueError, match=r"the embedding: 1 of 29 labelled rows .*, the first of them row 11: remove"):
        probe(broken, label)
    with pytest.raises(ValueError, match="unknown probe 'tree'"):
        probe(np.zeros((30, 2)), np.zeros(30), kind="tree")


def counts(seed, n=160, d=600):
    """Rows like fingerprints: few frequent columns that carry the label, and many rare ones."""
    rng = np.random.default_rng(seed)
    rate = 3.0 / np.arange(1, d + 1)
    x = rng.poisson(rate, size=(n, d)).astype(float)
    return x, x @ (rate * rng.normal(size=d)) + 0.3 * rng.normal(size=n)


def units(seed, n=160, d=60):
    """Dense rows, columns in units that differ by factors of a thousand and have nothing to do with the label."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, d))
    return z * 10 ** rng.uniform(-1.5, 1.5, size=d), z @ rng.normal(size=d) + 2 * rng.normal(size=n)


def pipelines(x, y):
    """Both ways of scaling in scikit-learn, with the leave-one-out error of its best penalty."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    variance = x.var(0)
    level = variance[variance > 0].mean()
    return {
        True: make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x, y),
        False: make_pipeline(RidgeCV(PENALTIES * level)).fit(x, y),
    }


@pytest.mark.parametrize("shape", [(160, 600), (160, 40), (40, 40), (40, 39), (12, 3)])
@pytest.mark.parametrize("rows", [counts, units])
def test_the_ridge_is_the_better_of_two_pipelines_of_scikit_learn(rows, shape):
    x, y = rows(0, *shape)
    x[:, 0] = 7.0  # a constant column
    theirs = pipelines(x, y)
    errors = {scaled: -pipeline[-1].best_score_ for scaled, pipeline in theirs.items()}
    ours = fit("ridge", x, y)
    assert ours.scaled == min(errors, key=errors.__getitem__)
    assert ours.error == pytest.approx(min(errors.values()), rel=1e-8)
    new, _ = rows(1, *shape)
    np.testing.assert_allclose(ours.predict(new), theirs[ours.scaled].predict(new), rtol=1e-6, atol=1e-6 * y.std())


@pytest.mark.parametrize(("rows", "scaled"), [(counts, False), (units, True)])
def test_scaling_is_chosen_by_what_predicts_new_samples(rows, scaled):
    """Against scikit-learn on the same rows: never worse than 3 % than the better way, and that is the planted one."""
    ours, theirs = [], {True: [], False: []}
    for seed in range(5):
        x, y = rows(seed, n=400, d=300)
        fitted = fit("ridge", x[:160], y[:160])
        assert fitted.scaled == scaled
        ours.append(np.abs(fitted.predict(x[160:]) - y[160:]).mean())
        for way, pipeline in pipelines(x[:160], y[:160]).items():
            theirs[way].append(np.abs(pipeline.predict(x[160:]) - y[160:]).mean())
    assert np.mean(ours) < 1.03 * np.mean(theirs[scaled])
    assert np.mean(ours) < 0.93 * np.mean(theirs[not scaled])


@pytest.mark.parametrize("rows", [counts, units])
def test_neighbours_and_scaling_are_those_of_a_grid_search(rows):
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = rows(0)
    x[:20] = x[20:40]  # equal rows, at distance 0
    steps = Pipeline([("scale", StandardScaler()), ("nearest", KNeighborsRegressor(weights="distance"))])
    grid = {"scale__with_std": [True, False], "nearest__n_neighbors": [1, 3, 5, 10, 20, 30]}
    search = GridSearchCV(steps, grid, scoring="neg_mean_absolute_error").fit(x, y)
    ours = fit("knn", x, y)
    assert ours[0].with_std == search.best_params_["scale__with_std"]
    assert ours[1].n_neighbors == search.best_params_["nearest__n_neighbors"]
    new, _ = rows(1)
    np.testing.assert_allclose(ours.predict(new), search.predict(new))


@pytest.mark.parametrize("kind", ["ridge", "knn"])
def test_nothing_of_the_test_samples_enters_the_fit(kind):
    """Test rows and labels that are replaced change no other prediction, and noise stays unpredictable."""
    rng = np.random.default_rng(5)
    x, _ = counts(5, d=200)
    y = rng.normal(size=len(x))
    r2 = [probe(x, rng.permutation(y), kind=kind, repeats=2, seed=seed).r2 for seed in range(10)]
    # A choice of scaling by the test samples would lift the mean above 0; its standard error is about 0.03.
    assert np.mean(r2) < 0.03
    order = np.random.default_rng([0, len(x)]).permutation(len(x))
    train, test = order[:128], order[128:]
    broken, label = x.copy(), y.copy()
    broken[test] *= 1e6
    label[test] += 1e6
    np.testing.assert_array_equal(
        fit(kind, x[train], y[train]).predict(x[:9]), fit(kind, broken[train], label[train]).predict(x[:9])
    )
    error = probe(x, label, kind=kind, repeats=1).mae
    predicted = fit(kind, x[train], y[train]).predict(x[test])
    assert error == pytest.approx(np.abs(label[test] - predicted).mean(), rel=1e-12)


def test_a_ridge_of_rows_without_anything_predicts_the_mean():
    y = np.arange(20.0)
    for x in (np.zeros((20, 0)), np.full((20, 3), 1e200), np.full((20, 3), 1e-300)):
        np.testing.assert_allclose(fit("ridge", x, y).predict(x), y.mean())
    x = np.random.default_rng(0).normal(size=(20, 2))
    expected = fit("ridge", x, x[:, 0]).predict(x)
    for unit in (1e-200, 1e200):
        np.testing.assert_allclose(fit("ridge", x * unit, x[:, 0]).predict(x * unit), expected, rtol=1e-9)


def test_no_group_is_both_trained_on_and_tested() -> None:
    """Rows that say which material a sample is predict its label only if states of the material are trained on."""
    rng = np.random.default_rng(0)
    material = np.repeat(np.arange(60), 5)
    rows = rng.normal(size=(60, 20))[material] + 0.01 * rng.normal(size=(300, 20))
    label = rng.normal(size=60)[material]
    leaking = probe(rows, label, kind="knn")
    honest = probe(rows, label, kind="knn", groups=material)
    assert leaking.r2 > 0.95
    assert honest.r2 < 0.2
    assert honest.train + honest.test == 300
    same = probe(rows, label, groups=[f"{i:03d}" for i in range(300)])
    assert same == probe(rows, label)


def test_both_errors_count_the_overlap_of_the_splits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    label = x[:, 0] + rng.normal(size=100)
    found = probe(x, label)
    # The first splits of more are those of fewer, so that differences of the sums are the results of single splits.
    means = [probe(x, label, repeats=repeats) for repeats in range(1, 6)]
    for name, error in (("mae", found.se), ("r2", found.r2_se)):
        single = np.diff([0.0, *(repeats * getattr(one, name) for repeats, one in enumerate(means, 1))])
        # Nadeau & Bengio: s^2 (1 / 5 + 20 / 80), of 20 test and 80 training samples.
        assert error == pytest.approx((np.var(single, ddof=1) * 0.45) ** 0.5)
    assert np.isnan([means[0].se, means[0].r2_se]).all()


def test_the_error_of_a_probe_is_that_of_new_samples() -> None:
    errors, found = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(100, 2))
        one = probe(x, x[:, 0] + rng.normal(size=100), repeats=20)
        errors.append(one.se)
        found.append(one.mae)
    # Without the correction the errors would be less than half of the deviation between sets.
    assert 0.7 < np.mean(errors) / np.std(found, ddof=1) < 1.4


def test_sizes_and_errors_are_those_of_the_splits_by_group() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    label, groups = x[:, 0] + rng.normal(size=100), np.repeat(["a", "b"], [40, 60])
    # 80 of 100 samples are asked for, but one group is trained on and the other one tested.
    found = probe(x, label, groups=groups, repeats=6)
    assert (found.train, found.test) == (40, 40)
    means = [probe(x, label, groups=groups, repeats=repeats) for repeats in range(1, 7)]
    single = np.diff([0.0, *(repeats * one.mae for repeats, one in enumerate(means, 1))])
    # There are only two splits, whose errors tell which of them each one is.
    a, b = slice(0, 40), slice(40, 100)
    ridge = {
        size: np.abs(fit("ridge", x[train], label[train]).predict(x[test]) - label[test]).mean()
        for size, train, test in ((40, a, b), (60, b, a))
    }
    trained = np.array([min(ridge, key=lambda size: abs(ridge[size] - mae)) for mae in single])
    assert set(trained) == {40, 60}
    ratio = np.mean((100 - trained) / trained)
    assert found.se == pytest.approx((np.var(single, ddof=1) * (1 / 6 + ratio)) ** 0.5)


def test_a_group_that_leaves_too_few_samples_is_refused() -> None:
    # 160 samples are asked for: the large group goes to one side, and up to five samples are left for the other.
    groups = ["large"] * 195 + [f"small {i}" for i in range(5)]
    x = np.random.default_rng(0).normal(size=(200, 2))
    with pytest.raises(ValueError, match="as few as 5 samples to fit on and 1 to test"):
        probe(x, x[:, 0], groups=groups, repeats=40)


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="all samples are in one group"):
        probe(np.ones((60, 2)), np.arange(60), groups=["a"] * 60)
