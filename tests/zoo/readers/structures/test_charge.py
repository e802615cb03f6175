"""Total charge and spin multiplicity: from the file to the sample, its hash, and the wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset
from hyle.zoo.environments.wire import from_wire, to_wire

ase_build = pytest.importorskip("ase.build")

# 16, 9 and 10 electrons.
ATOMS = {
    "O2": ["2", "O 0 0 0", "O 0 0 1.2"],
    "OH": ["2", "O 0 0 0", "H 0 0 0.97"],
    "HF": ["2", "H 0 0 0", "F 0 0 0.92"],
}


def read(path: Path, name: str, comment: str):
    first, *atoms = ATOMS[name]
    path.write_text("\n".join([first, comment, *atoms, ""]))
    return read_dataset(path)


@pytest.mark.parametrize(
    ("name", "comment", "info"),
    [
        ("OH", "charge=-1", {"charge": -1}),
        ("OH", "total_charge=-1 multiplicity=1", {"charge": -1, "spin": 1}),
        ("OH", "Net_Charge=+1 spin_multiplicity=3", {"charge": 1, "spin": 3}),
        ("OH", "charge=-1.0 total_charge=-1", {"charge": -1}),
        ("OH", "charge=-0.9999999", {"charge": -1}),
        ("OH", "nelec=10", {"charge": -1}),
        ("OH", "charge=0 spin=2", {"spin": 2}),
        ("OH", "charge=0 spin=0", {}),  # fairchem writes 0 where there is none
        ("O2", "spin=3", {"spin": 3}),
        ("O2", "uhf=2", {"spin": 3}),
        ("O2", "mult=1", {"spin": 1}),
        ("O2", "a comment on the charge and spin of oxygen", {}),
    ],
)
def test_conventions(tmp_path: Path, name: str, comment: str, info: dict) -> None:
    assert read(tmp_path / "a.xyz", name, comment)[0].atoms.info == info


@pytest.mark.parametrize(
    ("name", "comment", "reason"),
    [
        ("OH", "charge=-1 total_charge=0", "contradict each other in the charge: charge = -1, total_charge = 0"),
        ("OH", "charge=0.5", "its charge is 0.5, but a charge is an integer"),
        ("OH", "charge=many", "its charge is 'many', which is not a number"),
        ("OH", "charge=10", "its charge .10 is larger than the number of its electrons, 9"),
        ("OH", "spin=1", "spin multiplicity 1 is impossible with 9 electrons; it is read as 2S . 1"),
        ("HF", "spin=2", "spin multiplicity 2 is impossible with 10 electrons"),
        ("HF", "spin=0.5", "its spin is 0.5, but a spin multiplicity is an integer"),
        ("HF", "spin=13", "spin multiplicity 13 is impossible"),
    ],
)
def test_values_that_are_impossible(tmp_path: Path, name: str, comment: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(tmp_path / "a.xyz", name, comment)


def test_the_hash_tells_spin_states_apart_and_is_unchanged_for_neutral_singlets(tmp_path: Path) -> None:
    versions = {
        comment: read(tmp_path / "a.xyz", "O2", comment).version for comment in ("", "spin=1", "spin=3", "spin=5")
    }
    assert versions[""] == versions["spin=1"]
    assert len(set(versions.values())) == 3
    assert (
        read(tmp_path / "a.xyz", "O2", "charge=-1 spin=4").version
        != read(tmp_path / "a.xyz", "O2", "charge=-1").version
    )


def test_both_cross_the_wire(tmp_path: Path) -> None:
    sample = read(tmp_path / "a.xyz", "O2", "charge=-2 spin=3")[0]
    back = from_wire(json.loads(json.dumps(to_wire(sample))))
    assert back.atoms.info == {"charge": -2, "spin": 3}


def test_initial_values_of_ase_count_for_isolated_structures_only(tmp_path: Path) -> None:
    from ase.db import connect
    from ase.io import write

    oxygen = ase_build.molecule("O2")  # with a moment of 1 on each atom
    ion = ase_build.molecule("OH")
    ion.set_initial_magnetic_moments([0, 0])
    ion.set_initial_charges([-1.2, 0.2])
    antiferromagnet = ase_build.bulk("Fe", cubic=True)
    antiferromagnet.set_initial_magnetic_moments([2, 2])
    antiferromagnet.set_initial_charges([1, 0])
    partial = ase_build.molecule("OH")
    partial.set_initial_charges([-0.4, 0.1])
    with connect(tmp_path / "a.db") as database:
        for atoms in (oxygen, ion, antiferromagnet, partial):
            database.write(atoms)
    write(tmp_path / "b.extxyz", [oxygen, ion, antiferromagnet, partial])
    for path in (tmp_path / "a.db", tmp_path / "b.extxyz"):
        notes: list[str] = []
        infos = [sample.atoms.info for sample in read_dataset(path, notify=notes.append)]
        assert infos == [{"spin": 3}, {"charge": -1}, {}, {"spin": 2}]
        assert "2 of 4 samples: spin multiplicity taken from the initial magnetic moments" in notes[0]


def test_partial_charges_are_no_total_charge(tmp_path: Path) -> None:
    lines = ["3", 'Properties=species:S:1:pos:R:3:charges:R:1 charge=-1 spin=2 pbc="F F F"']
    lines += ["O 0 0 0.1173 -0.8", "H 0 0.7572 -0.4692 0.4", "H 0 -0.7572 -0.4692 0.4"]
    (tmp_path / "a.extxyz").write_text("\n".join(lines))
    assert read_dataset(tmp_path / "a.extxyz")[0].atoms.info == {"charge": -1, "spin": 2}
