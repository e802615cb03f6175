from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from hyle.engine.analysis import enrichment
from hyle.engine.analysis.group_exchange import exchanges, size_classes
from hyle.engine.analysis.rank_effects import clustered_interval, rank_biserial, spearman


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_rank_effects_by_definition(rng: np.random.Generator) -> None:
    score, values = np.round(rng.normal(size=60), 1), np.round(rng.normal(size=60))
    present = rng.random(60) < 0.3
    pairs = [np.sign(a - b) for a, b in itertools.product(score[present], score[~present])]
    assert rank_biserial(score, present)[0] == pytest.approx(np.mean(pairs))
    assert spearman(score, values)[0] == pytest.approx(spearmanr(score, values).statistic)


@pytest.mark.parametrize("binary", [True, False])
def test_the_influence_is_that_of_the_jackknife(binary: bool, rng: np.random.Generator) -> None:
    score = np.round(rng.normal(size=200), 1)
    values = np.round(score + 2 * rng.normal(size=200))
    effect = (lambda y, x: rank_biserial(y, x > 0)) if binary else spearman
    influence = effect(score, values)[1]
    left_out = np.array([effect(np.delete(score, i), np.delete(values, i))[0] for i in range(200)])
    jackknife = (len(score) - 1) * (left_out.mean() - left_out)
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    assert influence == pytest.approx(jackknife, abs=0.1 * influence.std())
    assert influence.std() == pytest.approx(jackknife.std(), rel=0.02)


def test_intervals_cover_and_groups_widen_them(rng: np.random.Generator) -> None:
    codes = np.repeat(np.arange(40), 5)
    covered = {"groups": 0, "samples": 0}
    for _ in range(300):
        score, values = (rng.normal(size=40)[codes] + 0.5 * rng.normal(size=200) for _ in range(2))
        effect, influence = spearman(score, values)
        for name, own, units in (("groups", codes, 40), ("samples", np.arange(200), 200)):
            low, high = clustered_interval(effect, influence, own, units)
            covered[name] += low <= 0 <= high
    assert covered["groups"] / 300 > 0.91
    assert covered["samples"] / 300 < 0.75
    low, high = clustered_interval(1.0, np.zeros(20), np.arange(20), 10)
    assert 0.5 < low < high == 1
    assert np.isnan(clustered_interval(0.3, rng.normal(size=9), np.arange(9) // 3, 3)).all()


def test_groups_of_one_sample_are_permuted() -> None:
    orders = np.concatenate(list(exchanges(np.array([2, 0, 1]), 600, np.random.default_rng(0))))
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(found) == 6
    assert counts.min() > 70


def test_groups_keep_together_and_change_places_with_groups_of_their_size() -> None:
    codes = np.array([0, 1, 0, 1, 2, 2, *np.repeat(np.arange(3, 8), 2), *np.arange(8, 14)])
    for order in np.concatenate(list(exchanges(codes, 50, np.random.default_rng(0)))):
        assert sorted(order) == list(range(len(codes)))
        for group in range(8):
            moved = codes[order[codes == group]]
            assert moved[0] == moved[1] < 8
    # In groups of different size, neighbours on the circle remain neighbours.
    codes = np.repeat(np.arange(10), [*[4] * 5, *[6] * 5])
    place = np.concatenate([np.arange(size) for size in np.bincount(codes)])
    for order in np.concatenate(list(exchanges(codes, 20, np.random.default_rng(0)))):
        for group in range(10):
            taken = order[codes == group]
            sizes = np.bincount(codes)[codes[taken]]
            assert len(set(codes[taken])) == 1
            assert (np.diff(place[taken]) % sizes[1:] == 1).all()


def test_sizes_are_classed_by_factors_of_two() -> None:
    # One of 9 and two of 4 and 5 are too few for classes of their own.
    sizes = np.array([1] * 5 + [2, 3, 2, 3, 3] + [9, 4, 5])
    assert [sorted(sizes[each].tolist()) for each in size_classes(sizes)] == [[2, 2, 3, 3, 3, 4, 5, 9], [1] * 5]
    assert [len(each) for each in size_classes(np.array([1, 1, 7]))] == [3]


def test_p_without_groups_is_that_of_known_tests(rng: np.random.Generator) -> None:
    score = rng.normal(size=80)
    present, values = rng.random(80) < 0.3, 0.25 * score + rng.normal(size=80)
    score = score + 0.5 * present
    found = enrichment(score, {"present": present, "values": values})
    assert found["present"].p == pytest.approx(mannwhitneyu(score[present], score[~present]).pvalue, rel=0.15)
    assert found["values"].p == pytest.approx(spearmanr(score, values).pvalue, rel=0.15)
    assert found["present"].n_with == present.sum() == found["present"].groups_with
    assert found["present"].median_with == np.median(score[present])
    # Benjamini & Hochberg: the larger p is its own q.
    assert max(each.q for each in found.tested) == max(each.p for each in found.tested)
    again = enrichment(np.exp(score), {"present": 3.0 * present + 1, "values": -values}, binary={"present"})
    assert [(each.name, each.p) for each in again.tested] == [(each.name, each.p) for each in found.tested]
    assert again["values"].effect == pytest.approx(-found["values"].effect)


def grouped(rng: np.random.Generator, codes: np.ndarray, share: float) -> np.ndarray:
    """Noise of which a share is common to a group, and which is a random walk within it otherwise."""
    n = len(codes)
    noise = rng.normal(size=n)
    for i in range(1, n):
        if codes[i] == codes[i - 1]:
            noise[i] = 0.8 * noise[i - 1] + 0.6 * noise[i]
    return np.sqrt(share) * rng.normal(size=codes.max() + 1)[codes] + np.sqrt(1 - share) * noise


SIZES = {"equal": np.full(30, 4), "1 to 8": np.arange(50) % 8 + 1, "one large": np.append(np.ones(60, int), 40)}


def rates(sizes: np.ndarray, seeds: int, **options) -> tuple[float, float, float]:
    """Share of sets of noise with a discovery, and of p at most 5 %, with and without groups."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    discoveries, with_groups, without = 0, [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        score = grouped(rng, codes, 0.5)
        columns = {str(i): grouped(rng, codes, [1, 0.7, 0.3][i % 3]) for i in range(6)}
        columns |= {f"{i} high": columns[str(i)] > 0.8 for i in range(3)}
        found = enrichment(score, columns, groups=codes, permutations=199, seed=seed, **options)
        discoveries += bool(found.significant)
        with_groups += [each.p for each in found.tested]
        if seed < 20:
            without += [each.p for each in enrichment(score, columns, permutations=199, max_steps=0).tested]
    return discoveries / seeds, float(np.mean(np.array(with_groups) <= 0.05)), float(np.mean(np.array(without) <= 0.05))


@pytest.mark.parametrize("name", SIZES)
def test_noise_in_groups_gives_no_discoveries(name: str) -> None:
    discoveries, share, without = rates(SIZES[name], 60, max_steps=0)
    assert discoveries <= 0.12  # 5 % in truth, with 2.5 standard errors
    assert share <= 0.08
    if name != "one large":
        assert without > 0.1


@pytest.mark.thorough
@pytest.mark.parametrize("name", SIZES)
def test_the_false_discovery_rate_is_held(name: str) -> None:
    discoveries, share, _ = rates(SIZES[name], 600, max_steps=0)
    assert 0.01 <= discoveries <= 0.07
    assert 0.03 <= share <= 0.065


def test_planted_effects_are_found_with_their_power() -> None:
    found = {"rare": 0, "numeric": 0, "within": 0}
    groups = np.repeat(np.arange(100), 2)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        rare, numeric = np.repeat(rng.permutation(100) < 10, 2), rng.normal(size=100)[groups]
        within = np.tile([0, 1], 100)[rng.permuted(np.arange(200).reshape(100, 2), axis=1).ravel()]
        score = rng.normal(size=200) + 0.5 * rng.normal(size=100)[groups] - 1.4 * rare + 0.5 * numeric + 0.7 * within
        columns = {"rare": rare, "numeric": numeric, "within": within}
        columns |= {f"noise {i}": rng.normal(size=200) for i in range(20)}
        result = enrichment(score, columns, groups=groups, permutations=999, max_steps=0, seed=seed)
        for each in result.significant:
            if each.name in found:
                found[each.name] += 1
    assert min(found.values()) >= 20, found


def test_steps_name_each_fact_once(rng: np.random.Generator) -> None:
    rings, charge = rng.integers(0, 5, 300).astype(float), rng.random(300) < 0.3
    atoms, mass = rings + 0.4 * rng.normal(size=300), rings + 0.5 * rng.normal(size=300)
    score = -0.5 * rings + 1.0 * charge + rng.normal(size=300)
    columns = {
        "rings": rings,
        "charge": charge,
        "atoms": atoms,
        "mass": mass,
        "weight": 2 * mass + 1,
        "noise": atoms**0,
    }
    found = enrichment(score, columns, groups=None)
    assert {each.name for each in found.significant} == {"rings", "charge", "atoms", "mass"}
    assert [step.name for step in found.steps] == ["rings", "charge"]
    assert found.steps[1].given == ("rings",)
    assert found.steps[0].partial < 0 < found.steps[1].low < found.steps[1].partial < found.steps[1].high
    assert found.untested == {"weight": "it separates the samples as 'mass' does", "noise": "the same for all samples"}
    # The first of two that are nearly as good is chosen.
    assert enrichment(score, {"mass": mass, "rings": rings + 1e-9 * mass}).steps[0].name in ("mass", "rings")
    first = {"copy": np.where(np.arange(300) < 3, 0.0, rings), "rings": rings}
    assert enrichment(score, first).steps[0].name == "copy"


def test_an_effect_of_the_size_of_a_group_is_none_of_its_members() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(60), [1] * 30 + [6] * 30)
    large = np.bincount(codes)[codes] > 1
    score = 2 * large + rng.normal(size=len(codes))
    found = enrichment(score, {"large": large, "noise": rng.normal(size=len(codes))}, groups=codes)
    assert found["large"].effect > 0.8
    assert found["large"].p == 1


def test_missing_values_and_scores(rng: np.random.Generator) -> None:
    score, values = rng.normal(size=100), rng.normal(size=100)
    score[:5], values[5:30] = np.nan, np.nan
    found = enrichment(score, {"values": values, "none": np.full(100, np.nan), "rare": np.arange(100) == 50})
    assert (found.n, found.groups, found["values"].n_with) == (95, 95, 70)
    known = np.isfinite(score) & np.isfinite(values)
    assert found["values"].effect == pytest.approx(spearmanr(score[known], values[known]).statistic)
    assert found.untested["none"] == "no value"
    assert found.untested["rare"] == "only 1 sample on one side, and 5 are needed"
    constant = enrichment(np.ones(100), {"values": values})
    assert (constant.tested, constant.untested) == ((), {"values": "all scores are equal"})
    assert enrichment(score, {}).steps == ()
    with pytest.raises(KeyError):
        found["none"]


def test_medians_of_numbers_that_are_mostly_equal(rng: np.random.Generator) -> None:
    score, rings = rng.normal(size=100), np.zeros(100)
    rings[:20] = rng.integers(1, 4, 20)
    charge, thirds = -rings, np.arange(100) // 34
    found = enrichment(score, {"rings": rings, "thirds": thirds})
    assert found["rings"].median_with == np.median(score[:20])
    assert found["rings"].median_without == np.median(score[20:])
    # The upper third begins at a value that more than a third have.
    assert found["thirds"].median_with == np.median(score[34:])
    assert found["thirds"].median_without == np.median(score[:34])
    down = enrichment(score, {"charge": charge})["charge"]
    assert (down.median_with, down.median_without) == (np.median(score[20:]), np.median(score[:20]))


def test_a_value_that_most_have_is_set_against_those_on_both_sides_of_it() -> None:
    # Four in six have 0. The others have scores of 9 and 5, whose median is 7, and these have 1.
    change, score = np.repeat([-1.0, 0.0, 1.0], [5, 20, 5]), np.repeat([9.0, 1.0, 5.0], [5, 20, 5])
    found = enrichment(score, {"change": change}, permutations=99)["change"]
    assert (found.median_with, found.median_without) == (7, 1)
    # Half have the lowest value, and the other half are set against it, not its upper third.
    count, score = np.repeat([0.0, 1.0, 2.0], [10, 5, 5]), np.repeat([1.0, 4.0, 6.0], [10, 5, 5])
    found = enrichment(score, {"count": count}, permutations=99)["count"]
    assert (found.median_with, found.median_without) == (5, 1)


@pytest.mark.parametrize(
    ("scores", "columns", "options", "message"),
    [
        (np.zeros((3, 2)), {}, {}, "scores must be"),
        (np.arange(20), {"x": np.arange(19)}, {}, "'x' has shape"),
        (np.arange(20), {}, {"groups": ["a"] * 19}, "19 groups for 20 scores"),
        (np.arange(20), {}, {"groups": ["a"] * 20}, "1 groups of samples have a score, and at least 10"),
        (np.arange(9), {}, {}, "9 samples have a score"),
        (np.full(20, np.nan), {}, {}, "0 samples have a score"),
        (np.arange(20), {}, {"alpha": 1.0}, "alpha=1.0"),
        (np.arange(20), {}, {"permutations": 0}, "permutations=0"),
    ],
)
def test_mistakes_are_named(scores: np.ndarray, columns: dict, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        enrichment(scores, columns, **options)
