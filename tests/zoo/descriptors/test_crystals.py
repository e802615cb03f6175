"""Descriptors of crystals, by hand."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from hyle.zoo import Dataset, MissingPackageError, Sample, load_dataset
from hyle.zoo.descriptors import SampleDescriptors, describe_samples


def described(*atoms: Atoms) -> SampleDescriptors:
    samples = [Sample(str(i), atoms=each) for i, each in enumerate(atoms)]
    return describe_samples(Dataset("own", samples, "materials", "MIT", "here"))


def test_known_crystals() -> None:
    copper, salt = bulk("Cu", "fcc", a=3.615), bulk("NaCl", "rocksalt", a=5.64)
    iron, oxide = bulk("Fe", "bcc", a=2.87), bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    found = described(copper, salt, iron, oxide)
    expected = {
        "atoms": (1, 2, 1, 4),
        "elements": (1, 2, 1, 2),
        "volume per atom": (3.615**3 / 4, 5.64**3 / 8, 2.87**3 / 2, oxide.get_volume() / 4),
        "mean coordination number": (12, 6, 14, 4),
        "symmetry operations": (48, 48, 48, 12),
        "centre of inversion": (1, 1, 1, 0),
        "cubic system": (1, 1, 1, 0),
        "hexagonal system": (0, 0, 0, 1),
        "space group Fm-3m": (1, 1, 0, 0),
        "space group Im-3m": (0, 0, 1, 0),
        "space group P6_3mc": (0, 0, 0, 1),
        "metals only": (1, 0, 1, 0),
        "alkali metal": (0, 1, 0, 0),
        "halogen": (0, 1, 0, 0),
        "transition metal": (1, 0, 1, 1),
        "contains O": (0, 0, 0, 1),
        "vacuum between slabs or molecules": (0, 0, 0, 0),
    }
    for name, values in expected.items():
        assert found[name].values.tolist() == pytest.approx(values), name
    assert found["density"].values[:2] == pytest.approx([8.93, 2.165], rel=0.01)
    assert found.noun == "crystals"
    assert "maximal force" not in {each.name for each in found.descriptors}


def test_forces_and_pressure() -> None:
    one = bulk("Cu", cubic=True)
    one.arrays["forces"] = np.zeros((4, 3))
    one.arrays["forces"][2] = (0, 3, 4)
    one.info["stress"] = np.array([-1, -2, -3, 0, 0, 0.0]) / 160.21766208
    found = described(one, bulk("Al"))
    assert found["maximal force"].values[0] == 5
    assert found["pressure"].values[0] == pytest.approx(2)
    assert np.isnan(found["pressure"].values[1])


def test_a_slab_has_vacuum_and_no_volume_if_it_is_not_periodic() -> None:
    slab = fcc111("Cu", (2, 2, 3), vacuum=8)
    periodic = slab.copy()
    periodic.pbc = True
    found = described(slab, periodic, bulk("Cu"))
    assert found["vacuum between slabs or molecules"].values.tolist() == [1, 1, 0]
    assert np.isnan(found["volume per atom"].values[0])
    assert np.isfinite(found["volume per atom"].values[1:]).all()


def test_real_crystals_have_a_system_and_finite_values() -> None:
    found = describe_samples(load_dataset("mptrj").head(12))
    systems = [each.values for each in found.descriptors if each.name.endswith(" system")]
    assert np.stack(systems).sum(0).tolist() == [1] * 12
    rare = found["frequency of the rarest element"].values
    assert (rare > 0).all()
    assert (rare <= 1).all()
    assert not found.left_out


def test_atoms_on_one_spot_have_no_symmetry() -> None:
    found = described(Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 1e-9)], cell=[3, 3, 3], pbc=True), bulk("Cu"))
    assert np.isnan(found["symmetry operations"].values[0])
    assert found["symmetry operations"].values[1] == 48


def test_a_cell_without_volume_is_left_out() -> None:
    found = described(bulk("Cu"), Atoms("Cu", cell=[3, 3, 0], pbc=True), Atoms("Cu", pbc=True))
    assert set(found.left_out) == {"1", "2"}
    assert found.left_out["1"] == "it is periodic, but its cell has no volume"


def test_spglib_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name, *arguments, **options):
        if name == "spglib":
            raise ModuleNotFoundError("No module named 'spglib'", name="spglib")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"describing crystals needs spglib: pip install '?spglib"):
        described(bulk("Cu"))
