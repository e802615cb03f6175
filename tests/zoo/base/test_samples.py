"""Samples and data sets."""

import numpy as np
import pytest
from ase.build import molecule

from hyle.zoo import Dataset, Sample


def dataset(*samples: Sample) -> Dataset:
    return Dataset("some", samples, "molecules", "MIT", "this test")


def test_the_version_depends_on_content_and_order() -> None:
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


def test_the_hash_depends_on_a_charge_and_is_unchanged_without_one() -> None:
    plain, neutral, ion = molecule("OH"), molecule("OH"), molecule("OH")
    neutral.info["charge"], ion.info["charge"] = 0, -1
    versions = [dataset(Sample("a", atoms=atoms)).version for atoms in (plain, neutral, ion)]
    assert versions[0] == versions[1] != versions[2]


def test_views_are_common_to_all_samples() -> None:
    both = Sample("a", smiles="O", atoms=molecule("H2O"))
    assert dataset(both).views == ["smiles", "atoms"]
    assert dataset(both, Sample("b", smiles="C")).views == ["smiles"]


def test_duplicate_ids_raise() -> None:
    with pytest.raises(ValueError, match="two samples with the id 'a'"):
        dataset(Sample("a", smiles="C"), Sample("a", smiles="N"))


def test_the_hash_depends_on_a_backbone_and_is_unchanged_without_one() -> None:
    backbone = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    with_it, without = Sample("a", sequence="MK", backbone=backbone), Sample("a", sequence="MK")
    assert with_it.view("backbone") is backbone
    versions = {dataset(sample).version for sample in (with_it, without, Sample("a", backbone=backbone))}
    versions.add(dataset(Sample("a", sequence="MK", backbone=backbone + 0.001)).version)
    assert len(versions) == 4
    # The hash before backbones were introduced.
    assert dataset(without).version == "66acb2fcc2874d57"
    with pytest.raises(ValueError, match="no view 'backbone'; it has: sequence"):
        without.view("backbone")
