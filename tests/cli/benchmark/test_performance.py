"""Performance beyond composition, and energies of one level of theory."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from hyle.cli.benchmark.performance import Targets, level_of, scores_of, targets_of
from hyle.cli.comparison import energy_errors
from hyle.zoo import (
    LEVELS,
    Dataset,
    Representation,
    find_benchmark,
    find_card,
    list_datasets,
    list_models,
    load_dataset,
)


@functools.cache
def crystals() -> tuple[Dataset, Targets]:
    bench = find_benchmark("random-tp")
    data = load_dataset("random-tp", n=bench.samples)
    return data, targets_of(data, bench)


def test_no_group_is_in_training_and_test() -> None:
    data, targets = crystals()
    formulas = data.groups["formula"]
    assert len(set(formulas.values())) < len(data)
    for folds in targets.folds:
        assert sorted(name for fold in folds for name in fold.test) == sorted(data.ids)
        for fold in folds:
            assert not {formulas[name] for name in fold.train} & {formulas[name] for name in fold.test}


def test_rows_score_what_they_say_beyond_composition() -> None:
    data, targets = crystals()
    generator = np.random.default_rng(0)
    energies = {sample.id: sample.labels["energy"] / len(sample.atoms) for sample in data}
    label = np.array([energies[name] for name in data.ids])

    def score(x: np.ndarray) -> float:
        return scores_of(Representation("x", x, data.ids), data, targets)["probe"].value

    assert score(np.column_stack([label, generator.normal(size=len(label))])) > 0.9
    assert abs(score(generator.normal(size=(len(label), 20)))) < 0.1
    numbers = np.array([np.bincount(sample.atoms.numbers, minlength=95) for sample in data], float)
    assert abs(score(numbers)) < 0.05
    assert abs(score(np.ones((len(label), 3)))) < 0.05
    # A file with rows of some samples only.
    half = data.ids[:150]
    some = scores_of(Representation("x", label[:150, None], half), data, targets)["probe"]
    assert some.n == 150
    assert scores_of(Representation("x", label[:50, None], data.ids[:50]), data, targets) == {}


def test_energies_are_compared_within_a_level_only() -> None:
    data, targets = crystals()
    generator = np.random.default_rng(0)
    atoms = np.array([len(sample.atoms) for sample in data])
    true = np.array([sample.labels["energy"] for sample in data])
    error = generator.normal(size=len(data))
    own = Representation("x", np.ones((len(data), 2)), data.ids, {}, energies=true + 0.1 * atoms * error)
    energy = scores_of(own, data, targets, level="PBE+U/MP")["energy"]
    assert energy.units == "eV/atom"
    # The mean of |0.1 z| is 0.080; composition takes some of it.
    assert energy.value == pytest.approx(0.1 * (2 / np.pi) ** 0.5, rel=0.25)
    for level in ("", "r2SCAN/MP", "PBE+U/OMat24"):
        assert "energy" not in scores_of(own, data, targets, level=level)


def test_the_error_of_energies_is_over_formulas() -> None:
    data, targets = crystals()
    atoms = np.array([len(sample.atoms) for sample in data])
    true = np.array([sample.labels["energy"] for sample in data])
    names = [data.groups["formula"][name] for name in data.ids]
    # Samples of one formula have one error, so that only formulas are independent.
    generator = np.random.default_rng(0)
    of_formula = {name: generator.standard_t(3) for name in sorted(set(names))}
    error = np.array([of_formula[name] for name in names])
    own = Representation("x", np.ones((len(data), 2)), data.ids, {}, energies=true + 0.1 * atoms * error)
    found = scores_of(own, data, targets, level="PBE+U/MP")["energy"]
    absolute = np.abs(energy_errors([own], data)[0].signed) / atoms
    used = np.isfinite(absolute)
    sums = dict.fromkeys(np.array(names)[used], 0.0)
    for name, value in zip(np.array(names)[used], absolute[used] - absolute[used].mean(), strict=True):
        sums[name] += value
    g, n = len(sums), int(used.sum())
    assert g < n
    assert found.value == pytest.approx(absolute[used].mean())
    assert found.se == pytest.approx((g / (g - 1) * sum(value**2 for value in sums.values())) ** 0.5 / n)
    assert found.se > 1.02 * absolute[used].std(ddof=1) / n**0.5


def test_cards_and_data_sets_state_levels_of_the_vocabulary() -> None:
    for card in list_models():
        assert card.level in ("", *LEVELS)
        assert not card.level or card.energy
    assert {name for name in LEVELS if name not in {card.level for card in list_models()}} == {"B3LYP/6-31G(2df,p)"}
    for info in list_datasets():
        assert info.level in ("", *LEVELS)
        assert bool(info.level) == (info.units.get("energy") == "eV"), info.name
    levels = {"sevennet-0": "PBE+U/MP", "chgnet-r2scan": "r2SCAN/MP", "aimnet2": "wB97M-D3/def2-TZVPP"}
    assert {name: find_card(name).level for name in levels} == levels
    assert find_card("megnet-formation-energy").level == ""  # relative to the elements, with corrections
    assert (level_of("qm9"), level_of("mptrj"), level_of("drugs")) == ("B3LYP/6-31G(2df,p)", "PBE+U/MP", "")
