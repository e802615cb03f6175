"""Energies of structures under the names and in the units that files use."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

pytest.importorskip("ase")

ATOMS = ["H 0 0 0", "H 0 0 0.74"]
HARTREE = 27.211386245981  # eV, CODATA 2022
KCAL = 0.0433641153087705  # eV, CODATA 2018


def read(path: Path, *comments: str, **options):
    path.write_text("\n".join(line for comment in comments for line in ("2", comment, *ATOMS)) + "\n")
    notes: list[str] = []
    data = read_dataset(path, notify=notes.append, **options)
    return [sample.labels.get("energy") for sample in data], [note.split("samples: ")[1] for note in notes]


@pytest.mark.parametrize(
    ("comment", "energy", "notes"),
    [
        ("energy=-1.5", -1.5, []),
        ("energy=-1.5 REF_energy=-2 free_energy=-3", -1.5, []),
        ("REF_energy=-2 free_energy=-3", -2, ["energy taken from REF_energy"]),
        ("free_energy=-3 dft_energy=-2", -2, ["energy taken from dft_energy"]),
        ("DFT_energy=-2", -2, ["energy taken from DFT_energy"]),
        ("Energy=-2", -2, ["energy taken from Energy"]),
        ("total_energy=-2", -2, ["energy taken from total_energy"]),
        ("free_energy=-3", -3, ["energy taken from free_energy"]),
        ("U0=-2", -2, ["energy taken from U0"]),
        ('REF_energy="_JSON -2.0"', -2, ["energy taken from REF_energy"]),
        ('REF_energy="_JSON [-2.0]"', -2, ["energy taken from REF_energy"]),
        ("energy_Ha=-2", -2 * HARTREE, ["energy taken from energy_Ha", "energy converted from ha to eV"]),
        (
            "energy_kcal_mol=-2",
            -2 * KCAL,
            ["energy taken from energy_kcal_mol", "energy converted from kcal_mol to eV"],
        ),
        ("energy=-2 energy_unit=hartree", -2 * HARTREE, ["energy converted from hartree to eV"]),
        ("energy=-2 energy_units=kcal/mol", -2 * KCAL, ["energy converted from kcal/mol to eV"]),
        ("energy=-2 energy_unit=eV", -2, []),
        ("energy=-2 units=Angstrom", -2, []),
        (
            "energy=-2 energy_unit=furlong",
            None,
            ["energy not read, because its unit is not known: 0 (energy in furlong)"],
        ),
        (
            "energy_per_atom=-2",
            -4,
            ["energy taken from energy_per_atom", "energy per atom multiplied by the number of atoms"],
        ),
        ("energy=nan REF_energy=-2", -2, ["energy taken from REF_energy"]),
        ("the energy of hydrogen", None, []),
        ("config_type=isolated", None, []),
    ],
)
def test_names_and_units(tmp_path: Path, comment: str, energy: float | None, notes: list[str]) -> None:
    energies, found = read(tmp_path / "a.xyz", comment)
    assert energies == ([None] if energy is None else [pytest.approx(energy, rel=1e-6)])
    assert found == notes


def test_a_property_that_is_asked_for(tmp_path: Path) -> None:
    comments = ["energy=-1 mp2=-2", "energy=-1", "energy=-1 mp2=-3"]
    energies, notes = read(tmp_path / "a.xyz", *comments, energy_key="mp2")
    assert energies == [-2, None, -3]
    assert notes[0] == "energy taken from mp2"
    assert "does not have the property that was asked for: 1 (it has: energy)" in notes[1]
    with pytest.raises(InputError, match=r"no sample has an energy called 'mp3'; it has: mp2, energy"):
        read(tmp_path / "a.xyz", *comments, energy_key="mp3")


def test_an_energy_that_is_not_a_number(tmp_path: Path) -> None:
    for value in ("low", "inf"):
        with pytest.raises(InputError, match="the label energy is"):
            read(tmp_path / "a.xyz", f"energy={value}")


@pytest.mark.parametrize(
    ("unit", "energy"),
    [
        ("kcal mol^-1", KCAL),
        ("kcal/mol", KCAL),
        ("kJ/mol", KCAL / 4.184),
        ("Ry", HARTREE / 2),
        ("a.u.", HARTREE),
        ("meV", 1e-3),
        ("eV/atom", 2),
        ("K", None),
    ],
)
def test_units_of_energy(tmp_path: Path, unit: str, energy: float | None) -> None:
    (got,), _ = read(tmp_path / "a.xyz", f'energy=1 energy_unit="{unit}"')
    assert got == (None if energy is None else pytest.approx(energy, rel=1e-6))
