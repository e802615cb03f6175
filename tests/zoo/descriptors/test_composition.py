"""The place of a composition among those of its data set and of training data."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hyle.zoo import Dataset, Sample
from hyle.zoo.descriptors import describe_samples
from hyle.zoo.descriptors.composition import composition_facts


def facts(counts: list[Counter[str]], training: list[Counter[str]]) -> list[dict[str, float]]:
    return [
        {prop.name: value for prop, value in row} for row in composition_facts(counts, elements=True, training=training)
    ]


def test_the_nearest_training_composition_by_hand() -> None:
    water, methane, salt = Counter(H=2, O=1), Counter(C=1, H=4), Counter(Na=1, Cl=1)
    rows = facts([water, methane, salt, Counter()], [Counter(H=4, O=2), Counter(C=2, H=2)])
    nearest, new = "distance to the nearest composition of the training data", "element that the training data lack"
    assert rows[0][nearest] == pytest.approx(0, abs=1e-15)
    # C 0.2, H 0.8 is nearer to H 2/3, O 1/3 than to C 1/2, H 1/2.
    assert rows[1][nearest] == pytest.approx(np.sqrt(0.2**2 + (0.8 - 2 / 3) ** 2 + 1 / 9))
    assert rows[2][nearest] == pytest.approx(np.sqrt(4 * 0.25))
    assert [row[new] for row in rows[:3]] == [0, 0, 1]
    assert rows[3] == {}
    assert nearest not in facts([water, methane], [])[0]


def test_training_molecules_do_not_change_the_other_descriptors() -> None:
    samples = [Sample("a", smiles="CCO"), Sample("b", smiles="CC(=O)O"), Sample("c", smiles="CCN")]
    data = Dataset("own", samples, "molecules", "MIT", "here")
    alone, beside = describe_samples(data), describe_samples(data, [Sample("t", smiles="CCO"), Sample("u", smiles="C")])
    assert {each.name for each in beside.descriptors} - {each.name for each in alone.descriptors} == {
        "distance to the nearest composition of the training data",
        "element that the training data lack",
    }
    for each in alone.descriptors:
        np.testing.assert_array_equal(each.values, beside[each.name].values)
    assert beside["element that the training data lack"].values.tolist() == [0, 0, 1]
