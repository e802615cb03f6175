from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from hyle.engine import compare
from hyle.engine.analysis import factors, tree

from .panels import comparison

FAMILIES = np.repeat(np.arange(10), [1, 1, 2, 1, 3, 1, 4, 2, 1, 2])


def panel(rng: np.random.Generator, effect: np.ndarray, **facts: object) -> xr.Dataset:
    """Return models whose alignment has effects of the family, and of this fact [m, m]."""
    own, both = rng.normal(size=10), rng.normal(size=(10, 10))
    values = 0.05 * (own[:, None] + own + both + both.T)[np.ix_(FAMILIES, FAMILIES)] + 0.4 + effect
    values += 0.02 * rng.normal(size=values.shape)
    values = (values + values.T) / 2 + 0.3 * (FAMILIES[:, None] == FAMILIES)
    return comparison(values, family=[f"f{code}" for code in FAMILIES], **facts)


def test_the_planted_factor_explains_and_the_other_does_not() -> None:
    rng = np.random.default_rng(1)
    modality = np.repeat(["atoms", "string"], 5)[FAMILIES]
    data = np.array(["a", "b", "a", "b", "a", "b", "a", "b", "c", "c"])[FAMILIES]
    found = factors(panel(rng, 0.3 * (modality[:, None] == modality), modality=modality, trained_on=data))
    assert [factor.name for factor in found] == ["modality", "trained_on", "family"]
    planted, other, family = found
    assert planted.p < 0.05
    assert planted.low < 0.3 < planted.high
    assert planted.share > 0.3 > planted.by_chance
    assert planted.given_others < 0.05
    assert other.p > 0.05
    assert other.share < other.by_chance + 0.1
    assert (planted.n, planted.families, planted.groups) == (18, 10, 2)
    assert family.untested == "the family is the unit of every test"
    assert np.isnan(family.p)
    assert family.difference > 0.2


def test_a_fact_of_families_is_not_mistaken_for_an_effect() -> None:
    """Labels that follow the families explain nothing but these: the level holds."""
    sets, told = 250, np.zeros(2)
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        first, second = (np.array(["a", "b"])[(rng.permutation(10) < 5).astype(int)][FAMILIES] for _ in range(2))
        effect = 0.2 * (second[:, None] == second)
        found = factors(panel(rng, effect, modality=first, architecture=second), permutations=199)
        one = next(factor for factor in found if factor.name == "modality")
        told += [one.p <= 0.05, one.given_others <= 0.05]
    assert (told >= binom.ppf(0.0005, sets, 0.04)).all(), told
    assert (told <= binom.ppf(0.9995, sets, 0.05)).all(), told


def test_facts_that_coincide_are_not_separable() -> None:
    rng = np.random.default_rng(2)
    kind = np.array(["equivariant", *["invariant"] * 5, *["free"] * 4])[FAMILIES]
    same = np.array([f"data of {one}" for one in kind])
    found = {f.name: f for f in factors(panel(rng, np.zeros((18, 18)), architecture=kind, trained_on=same))}
    assert found["architecture"].coincides == ("trained_on",)
    assert found["trained_on"].untested == "not separable from architecture"
    assert found["architecture"].alone == ("equivariant = f0",)
    assert np.isnan([found["architecture"].p, found["trained_on"].low]).all()
    # A single family against all others has ten arrangements.
    lone = np.array(["equivariant", *["invariant"] * 9])[FAMILIES]
    one = factors(panel(rng, np.zeros((18, 18)), architecture=lone), facts=["architecture"])[0]
    assert one.smallest_p == pytest.approx(0.1, abs=0.02)
    assert one.untested.startswith("10 families with these values can give no p below 0.")
    # Each value in one family only.
    own = np.array([f"data {code}" for code in FAMILIES])
    assert (
        "no two families have the same value"
        in factors(panel(rng, np.zeros((18, 18)), trained_on=own), facts=["trained_on"])[0].untested
    )


def test_few_families_are_inconclusive() -> None:
    rng = np.random.default_rng(3)
    modality = np.repeat(["atoms", "string"], 5)[FAMILIES]
    data = panel(rng, 0.3 * (modality[:, None] == modality), modality=modality)
    names = data["model"].values[np.isin(FAMILIES, [0, 2, 4, 6, 8])]
    found = factors(data.sel(model=names, other=names), facts=["modality"])[0]
    assert found.untested == "5 families, and at least 6 are needed"
    assert found.smallest_p == pytest.approx(1 / 10)
    assert np.isnan(found.p)


def test_a_fact_that_varies_within_families_counts_as_a_share_of_pairs() -> None:
    rng = np.random.default_rng(4)
    mixed = np.where(np.arange(18) % 2, "a", "b")
    found = factors(panel(rng, 0.3 * (mixed[:, None] == mixed), modality=mixed), facts=["modality"])[0]
    # Pairs of families with all, half or none of their pairs equal lie on one line.
    assert found.difference == pytest.approx(0.3, abs=0.15)
    assert found.alone == ()


def test_controls_and_facts_that_say_nothing_are_left_out() -> None:
    values = np.full((6, 6), 0.5) + np.eye(6) / 2
    kinds = ["atoms"] * 4 + ["control"] * 2
    assert factors(comparison(values, modality=kinds, family=list("abcdef"))) == []


def test_a_metric_of_which_less_is_more_alike() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 4))
    models = {f"m{i}": shared @ rng.normal(size=(4, 6)) + i * rng.normal(size=(60, 6)) for i in range(4)}
    assert len(tree(compare(models, metrics=["information_imbalance"]), "information_imbalance").models) == 4
