"""Agreement of models on single samples: values by definition, and error rates and power on planted panels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import hypergeom

from hyle.engine import cka
from hyle.engine.analysis import farthest_samples, sample_agreement
from hyle.engine.analysis.sample_forms import GramRows, SharedNeighbours
from hyle.engine.analysis.sample_null import adjusted, chance_p, halves_of, polynomials, reliability
from hyle.engine.context import CompareConfig


def panel(
    n: int,
    families: int,
    seed: int,
    *,
    contested: float = 0.0,
    private: float = 0.5,
    alike: bool = True,
    siblings: int = 1,
) -> tuple[list[np.ndarray], list[str], np.ndarray]:
    """Draw models of one latent; contested samples leave it in some families, where they have another sample's row."""
    rng = np.random.default_rng([seed, n, families])
    shared, leave = rng.normal(size=(n, 4)), rng.random(n) < contested
    models, names = [], []
    for family in range(families):
        own = shared.copy() if alike else rng.normal(size=(n, 4))
        gone = leave & (rng.random(n) < private)
        own[gone] = shared[rng.permutation(n)][gone]
        signal = own @ rng.normal(size=(4, 10)) / 2
        for _ in range(siblings):
            models.append((signal + 0.4 * rng.normal(size=(n, 10))).astype(np.float32))
            names.append(f"f{family}")
    return models, names, leave


def nearest(x: np.ndarray, k: int) -> list[set[int]]:
    unit = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    return [set(row) for row in np.argsort(-similar, axis=1)[:, :k].tolist()]


def test_shared_neighbours_by_definition_and_means_over_families() -> None:
    models, _, _ = panel(60, 4, 0)
    names = ["a", "a", "b", "c"]
    found = sample_agreement(models, families=names, k=7)
    sets = [nearest(x, 7) for x in models]
    pairs = {
        (a, b): np.array([len(x & y) / 7 for x, y in zip(sets[a], sets[b], strict=True)])
        for a, b in itertools.combinations(range(4), 2)
    }
    for first, second, values in zip(found.first, found.second, found.pairs, strict=True):
        np.testing.assert_allclose(values, pairs[first, second], atol=1e-6)
    of_families = [(pairs[0, 2] + pairs[1, 2]) / 2, (pairs[0, 3] + pairs[1, 3]) / 2, pairs[2, 3]]
    np.testing.assert_allclose(found.agreement, np.mean(of_families, 0), atol=1e-6)
    np.testing.assert_allclose(found.by_model[0], (pairs[0, 2] + pairs[0, 3]) / 2, atol=1e-6)
    np.testing.assert_allclose(found.by_model[2], (of_families[0] + pairs[2, 3]) / 2, atol=1e-6)
    assert (found.families, np.isnan(found.p).all(), np.isnan(found.reliability.whole)) == (3, True, True)
    assert found.chance == pytest.approx(7 / 59, rel=0.05)
    assert found.agreed_p.min() == found.smallest_p


@pytest.mark.parametrize("form", ["pnka", "cka"])
@pytest.mark.parametrize("width", [6, 90])
def test_rows_of_gram_matrices_by_definition(form: str, width: int) -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(50, 3))
    x, y = (shared @ rng.normal(size=(3, width)) + 5 + rng.normal(size=(50, width)) for _ in range(2))
    found = sample_agreement([x, y], form=form)
    first, second = (v - v.mean(0) for v in (x, y))
    first, second = first @ first.T, second @ second.T
    products = (first * second).sum(1)
    lengths = [np.linalg.norm(gram, axis=1 if form == "pnka" else None) for gram in (first, second)]
    np.testing.assert_allclose(found.agreement, products / (lengths[0] * lengths[1]), rtol=1e-4)
    if form == "cka":
        assert found.agreement.sum() == pytest.approx(float(cka(x, y, debiased=False)), rel=1e-4)


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["a", "a", "b", "c"], ["a", "a", "b", "b"]])
def test_permuted_panels_are_those_of_permuted_models(names: list[str]) -> None:
    models, _, _ = panel(40, 4, 2)
    codes = np.unique(names, return_inverse=True)[1]
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(40) for _ in range(codes.max() + 1)])
    permuted = [x[orders[f]] for x, f in zip(models, codes, strict=True)]
    config = CompareConfig(k=6)
    for form, again in (
        (SharedNeighbours.of(models, config), sample_agreement(permuted, families=names, k=6)),
        (GramRows.of(models, relative=True), sample_agreement(permuted, families=names, form="pnka")),
        (GramRows.of(models, relative=False), sample_agreement(permuted, families=names, form="cka")),
    ):
        np.testing.assert_allclose(form.permuted(codes)(orders), again.agreement, atol=1e-5)


def test_chance_of_two_models_is_hypergeometric() -> None:
    models, _, _ = panel(50, 2, 0, alike=False)
    found = sample_agreement(models, k=10)
    common = np.rint(10 * found.agreement)
    np.testing.assert_allclose(found.agreed_p, hypergeom.sf(common - 1, 49, 10, 10), atol=0.01)


def test_planted_contested_samples_are_found_and_hardly_any_other() -> None:
    power, false = [], []
    for seed in range(5):
        models, names, leave = panel(250, 8, seed, contested=0.05, private=0.7)
        found = sample_agreement(models, families=names, k=20)
        low = found.q <= 0.05
        power.append(low[leave].mean())
        false.append((low & ~leave).sum() / max(low.sum(), 1))
        assert found.agreement[leave].mean() < 0.6 * found.agreement[~leave].mean()
        assert found.reliability.halves > 0.1
    assert np.mean(power) > 0.5
    assert np.mean(false) < 0.05


@pytest.mark.thorough
@pytest.mark.parametrize(("form", "siblings"), [("neighbours", 1), ("neighbours", 2)])
def test_samples_that_are_all_alike_are_not_contested(form: str, siblings: int) -> None:
    """No more than 5 % of the panels may have a discovery: of 12, with 98 % probability at most two."""
    runs = []
    for seed in range(12):
        models, names, _ = panel(150, 6, seed, siblings=siblings)
        found = sample_agreement(models, families=names, k=15, form=form)
        runs.append((found.q <= 0.05).any())
        assert (found.agreed_q <= 0.05).mean() > 0.9
    assert np.sum(runs) <= 2


@pytest.mark.parametrize("form", ["neighbours", "pnka", "cka"])
def test_models_without_anything_in_common_agree_on_no_sample(form: str) -> None:
    runs, small, halves = [], [], []
    for seed in range(12):
        models, names, _ = panel(120, 5, seed, alike=False)
        found = sample_agreement(models, families=names, k=12, form=form)
        runs.append((found.agreed_q <= 0.05).any())
        small.append((found.agreed_p <= 0.05).mean())
        halves.append(found.reliability.halves)
    assert np.sum(runs) <= 3
    assert np.mean(small) == pytest.approx(0.05, abs=0.015)
    assert abs(np.mean(halves)) < 0.06


@pytest.mark.thorough
def test_models_that_share_only_the_strata_agree_on_no_sample_beyond_them() -> None:
    runs, small = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        strata = rng.integers(0, 20, 200)
        strata[:3] = [20, 21, 22]
        centres = rng.normal(size=(23, 4))
        models = [centres[strata] @ rng.normal(size=(4, 8)) + 0.5 * rng.normal(size=(200, 8)) for _ in range(5)]
        found = sample_agreement(models, k=15, strata=[f"C{s}" for s in strata])
        assert found.beyond_p is not None
        assert found.beyond_q is not None
        assert np.isnan(found.beyond_p[:3]).all()
        assert (found.agreed_q <= 0.05).mean() > 0.9
        runs.append((found.beyond_q <= 0.05).any())
        small.append((found.beyond_p[3:] <= 0.05).mean())
    assert np.sum(runs) <= 2
    assert np.mean(small) == pytest.approx(0.05, abs=0.015)
    models, _, _ = panel(200, 5, 0)
    more = sample_agreement(models, k=15, strata=(np.arange(200) // 10).astype(str))
    assert more.beyond_q is not None
    assert (more.beyond_q <= 0.05).mean() > 0.9


def test_siblings_do_not_count_and_the_one_that_leaves_is_named() -> None:
    models, names, _ = panel(200, 5, 3)
    models[2] = models[2].copy()
    gone = np.arange(10)
    models[2][gone] = models[2][gone + 50]
    found = sample_agreement(models, families=names, k=15)
    assert (found.leaves[gone] == 2).mean() > 0.7
    assert (found.leaves[50:] == 2).mean() < 0.4
    assert (found.raises[found.leaves >= 0] > 0).all()
    twice = sample_agreement([*models, models[2]], families=[*names, names[2]], k=15)
    np.testing.assert_allclose(twice.agreement, found.agreement, atol=1e-6)
    np.testing.assert_allclose(twice.deviation, found.deviation, atol=1e-6)
    assert (sample_agreement(models[:2], k=15).leaves == -1).all()


def test_facts_on_samples_explain_what_is_expected_of_them() -> None:
    """Noise exchanges the neighbours of samples in dense regions, which agree less without being contested."""
    models, names, _ = panel(300, 6, 4)
    found = sample_agreement(models, families=names, k=20)
    length = np.mean([np.linalg.norm(x - x.mean(0), axis=1) for x in models], 0)
    assert abs(np.corrcoef(length, found.agreement)[0, 1]) > 0.3
    assert abs(np.corrcoef(length, found.deviation)[0, 1]) < 0.1
    assert found.expected.mean() == pytest.approx(found.agreement.mean(), abs=1e-6)
    marked = np.zeros((300, 1))
    marked[:30] = 1
    models = [np.where(marked > 0, np.random.default_rng(i).normal(size=x.shape), x) for i, x in enumerate(models)]
    known = sample_agreement(models, families=names, k=20, covariates=marked)
    assert sample_agreement(models, families=names, k=20).deviation[:30].mean() < -0.2
    assert abs(known.deviation[:30].mean()) < 0.1


def test_order_of_samples_and_scale_of_models_change_nothing() -> None:
    models, names, _ = panel(80, 4, 5)
    order = np.random.default_rng(0).permutation(80)
    for form in ("neighbours", "pnka", "cka"):
        found = sample_agreement(models, families=names, k=9, form=form)
        moved = sample_agreement([8 * x[order] for x in models], families=names, k=9, form=form)
        np.testing.assert_allclose(moved.agreement, found.agreement[order], rtol=1e-5)
        np.testing.assert_allclose(moved.p, found.p[order], rtol=1e-3)
        assert moved.reliability.halves == pytest.approx(found.reliability.halves, abs=1e-3)


def test_equal_rows_are_no_problem_and_equal_models_are_named() -> None:
    models, names, _ = panel(60, 4, 6)
    models = [np.concatenate([x[:30], x[:30]]) for x in models]
    found = sample_agreement(models, families=names, k=5)
    assert np.isfinite(found.p).all()
    models[1] = np.ones((60, 3))
    for form in ("neighbours", "pnka"):
        with pytest.raises(ValueError, match="rows are all equal"):
            sample_agreement(models, families=names, k=5, form=form)


def test_what_cannot_be_measured_is_named() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    nan = np.where(np.arange(30)[:, None] == 4, np.nan, x)
    for models, options, words in (
        ([x], {}, "at least two models"),
        ([x, x[:20]], {}, "model 1 has shape"),
        ([x, nan], {}, "model 1 has values that are NaN"),
        ([x[:9], x[:9]], {}, "9 samples are too few"),
        ([x, x], {"families": ["a", "a"]}, "all models are of one family"),
        ([x, x], {"k": 30}, "k=30"),
        ([x, x], {"form": "rsa"}, "unknown form 'rsa'"),
        ([x, x], {"covariates": np.ones(30)}, "covariates must be"),
    ):
        with pytest.raises(ValueError, match=words):
            sample_agreement(models, **options)


def test_parts_of_the_test() -> None:
    assert adjusted(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.04, 0.04])
    p = chance_p(np.array([0.5, 0.1]), np.array([[0.1, 0.2], [0.3, 0.0]]))
    assert p.tolist() == pytest.approx([1 / 5, 4 / 5])
    assert polynomials(np.ones((3, 4)), 3).shape == (4, 20)
    assert len(halves_of(4)) == 3
    assert len(halves_of(5)) == 10
    assert (halves_of(12).sum(1) == 6).all()
    ends = np.array(list(itertools.combinations(range(4), 2)))
    same = np.tile(np.random.default_rng(0).normal(size=50), (6, 1))
    assert reliability(same, ends, 4).whole == pytest.approx(1)


def test_farthest_samples_differ_and_repeat_no_row() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    x[20:] = x[:20]
    chosen = farthest_samples([x, 100 * x], 10, candidates=np.arange(40)[::-1])
    assert chosen[0] == 39
    assert len(set((chosen % 20).tolist())) == 10
    assert len(farthest_samples([x], 30)) == 20
    with pytest.raises(ValueError, match="cannot choose 0"):
        farthest_samples([x], 0)
