"""Charge and spin of samples in the adapters: passed on, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Sample, load
from hyle.zoo.adapters.atoms import (
    VACUUM,
    bare_atoms,
    charge_of,
    charged,
    crystal_only,
    excited,
    lowest_multiplicity,
    molecule_only,
    multiplicity_of,
    neutral_molecule_only,
    neutral_only,
)

from .potentials import orb_omol, uma

ase = pytest.importorskip("ase")
from ase.build import bulk, molecule  # noqa: E402


def with_info(name: str, **info: float) -> ase.Atoms:
    atoms = molecule(name)
    atoms.info |= info
    return atoms


@pytest.mark.parametrize(
    ("atoms", "charge", "spin", "lowest"),
    [
        (with_info("O2"), 0, 1, 1),
        (with_info("O2", spin=3), 0, 3, 1),
        (with_info("O2", charge=-1.0), -1, 2, 2),
        (with_info("O2", charge=-1, spin=4), -1, 4, 2),
        (with_info("OH"), 0, 2, 2),
        (with_info("OH", charge=-1), -1, 1, 1),
    ],
)
def test_charge_and_multiplicity(atoms: ase.Atoms, charge: int, spin: int, lowest: int) -> None:
    assert (charge_of(atoms), multiplicity_of(atoms), lowest_multiplicity(atoms)) == (charge, spin, lowest)
    assert (excited(atoms) is None) == (spin == lowest)
    assert (charged(atoms) is None) == (spin == lowest and charge == 0)


def test_reasons() -> None:
    assert charged(with_info("OH", charge=-1)) == "charge -1; the model takes only neutral structures"
    assert charged(with_info("O2", spin=3)) == "spin multiplicity 3; the model takes only the lowest, 1"
    for check in (neutral_only, neutral_molecule_only):
        assert check(with_info("OH", charge=-1), ["O", "H"]).startswith("charge -1")
    assert molecule_only(with_info("OH", charge=-1), ["O", "H"]) is None
    crystal = bulk("Si")
    crystal.info["charge"] = 1
    assert crystal_only(crystal, ["Si"]).startswith("charge +1")


@pytest.mark.parametrize("build", [orb_omol, uma])
def test_models_of_omol25_tell_spin_states_and_charges_apart(tmp_path: Path, build) -> None:
    model = build(tmp_path)
    samples = [with_info("O2"), with_info("O2", spin=1), with_info("O2", spin=3), with_info("O2", charge=-1)]
    samples = [Sample(str(i), atoms=atoms) for i, atoms in enumerate(samples)]
    assert [model.adapter.unsupported(sample) for sample in samples] == [None] * 4
    rows = [np.asarray(model.adapter.forward([sample], model.card.layers[0]).features) for sample in samples]
    np.testing.assert_array_equal(rows[0], rows[1])
    for other in rows[2:]:
        assert np.abs(rows[0] - other).max() > 1e-4


@pytest.mark.models
def test_aimnet2_reads_the_charge() -> None:
    """Compare with proton affinities (NIST WebBook, 0 K energies within 0.5 eV): NH3 9.2, H2O 7.5, OH- 17.3 eV."""
    adapter = load("aimnet2").adapter
    directions = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
    ammonium = ase.Atoms("NH4", np.vstack([[[0, 0, 0]], 1.02 * directions]), info={"charge": 1})
    hydroxide = ase.Atoms("OH", [[0, 0, 0], [0, 0, 0.964]], info={"charge": -1})
    samples = [Sample(str(i), atoms=a) for i, a in enumerate([molecule("NH3"), ammonium, molecule("H2O"), hydroxide])]
    assert [adapter.unsupported(sample) for sample in samples] == [None] * 4
    ammonia_energy, ammonium_energy, water_energy, hydroxide_energy = adapter.forward(samples, "aim").energies
    assert ammonia_energy - ammonium_energy == pytest.approx(9.2, abs=0.3)
    assert hydroxide_energy - water_energy == pytest.approx(17.3, abs=0.6)
    assert "spin multiplicity 3" in adapter.unsupported(Sample("o", atoms=with_info("O2", spin=3)))


def test_cells_of_slabs_and_wires_are_completed_for_the_models() -> None:
    slab = ase.Atoms(
        "Si2", [[0, 0, 0], [1.36, 1.36, 1.36]], cell=[[3.6, 0, 0], [-1.8, 3.12, 0], [0, 0, 0]], pbc=[1, 1, 0]
    )
    bare = bare_atoms(slab)
    assert bare.cell.lengths()[2] == pytest.approx(1.36 + 2 * VACUUM)
    assert bare.pbc.tolist() == [True, True, False]
    np.testing.assert_allclose(bare.get_all_distances(mic=True), slab.get_all_distances(mic=True))
    np.testing.assert_array_equal(slab.cell[2], 0)
    wire = ase.Atoms("Si", cell=[2, 0, 0], pbc=[1, 0, 0])
    assert bare_atoms(wire, wrap=True).cell.rank == 3
    np.testing.assert_array_equal(bare_atoms(bulk("Si")).cell.array, bulk("Si").cell.array)


def test_potentials_that_run_here_do_not_depend_on_the_missing_vector_of_a_slab() -> None:
    pytest.importorskip("chgnet")
    adapter = load("chgnet-untrained").adapter
    cell = [[3.6, 0, 0], [-1.8, 3.12, 0], [0, 0, 0]]
    slabs = [
        ase.Atoms("Si2", [[0, 0, 0], [1.36, 1.36, 1.36]], cell=[*cell[:2], [0, 0, c]], pbc=[1, 1, 0])
        for c in (0, 40, 60)
    ]
    samples = [Sample(str(i), atoms=atoms) for i, atoms in enumerate(slabs)]
    rows = [np.asarray(adapter.forward([sample], adapter.card.layers[0]).features) for sample in samples]
    for other in rows[1:]:
        np.testing.assert_allclose(other, rows[0], atol=1e-5)
