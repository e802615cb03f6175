"""Samples and data sets."""

import pytest
from ase.build import molecule

from hyle.zoo import Dataset, Sample


def dataset(*samples: Sample) -> Dataset:
    return Dataset("some", samples, "molecules", "MIT", "this test")


def test_version_follows_content_and_order() -> None:
    water, methane = Sample("a", atoms=molecule("H2O")), Sample("b", smiles="C")
    moved = molecule("H2O")
    moved.positions[0, 0] += 1e-9
    versions = [
        dataset(water, methane).version,
        dataset(methane, water).version,
        dataset(Sample("a", atoms=moved), methane).version,
        dataset(water, Sample("b", smiles="CC")).version,
    ]
    assert len(set(versions)) == 4
    assert dataset(Sample("a", atoms=molecule("H2O")), methane).version == versions[0]


def test_two_samples_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two samples with the id 'a'"):
        dataset(Sample("a", smiles="C"), Sample("a", smiles="N"))
