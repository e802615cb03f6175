"""Frames of .xyz files: forms that programs write, and wrong numbers of atoms."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

pytest.importorskip("ase")

HARTREE = 27.211386245981  # eV, CODATA 2022
WATER = ["O 0 0 0.1173", "H 0 0.7572 -0.4692", "H 0 -0.7572 -0.4692"]


def read(path: Path, lines: list[str], **options):
    path.write_text("\n".join(lines) + "\n")
    notes: list[str] = []
    return read_dataset(path, notify=notes.append, **options), notes


@pytest.mark.parametrize(
    "lines",
    [
        ["3", "water", *WATER],
        ["3", "", *WATER, "", " ", ""],
        ["  3  ", "water", *(f"  {line}  0.1 0.2" for line in WATER)],
        ["3", "water", *(line.replace("O", "8").replace("H", "1") for line in WATER)],
        ["3", "water", *(line.replace("O", "o").replace("H", "h") for line in WATER)],
        ["3", "water", "O1 0 0 0.1173", "H2 0 0.7572 -0.4692", "H3 0 -0.7572 -0.4692"],
        ["3", "pbc=(no) charge: 'x stress=1 Lattice", *WATER],
        ["3", "", "O 0 0 1.173D-01", "H 0 7.572d-1 -0.4692", "H 0 -7.572*^-1 -0.4692"],
        ["3", "Properties=Z:I:1:pos:R:3", *(line.replace("O", "8").replace("H", "1") for line in WATER)],
        ["3", "Properties=pos:R:3:species:S:1", *(" ".join([*line.split()[1:], line[0]]) for line in WATER)],
    ],
)
def test_forms_of_a_frame(tmp_path: Path, lines: list[str]) -> None:
    data, notes = read(tmp_path / "a.xyz", lines)
    assert (len(data), str(data[0].atoms.symbols), notes) == (1, "OH2", [])
    np.testing.assert_allclose(data[0].atoms.positions[1], [0, 0.7572, -0.4692])
    assert not data[0].atoms.pbc.any()
    assert data[0].labels == {}


def test_a_frame_without_a_comment_line(tmp_path: Path) -> None:
    data, notes = read(tmp_path / "a.xyz", ["3", *WATER, "3", *WATER, "3", "water", *WATER])
    assert [str(sample.atoms.symbols) for sample in data] == ["OH2"] * 3
    assert notes == ["a.xyz: 2 of 3 samples: it has no comment line"]


def test_deuterium_is_hydrogen(tmp_path: Path) -> None:
    data, notes = read(tmp_path / "a.xyz", ["2", "", "D 0 0 0", "D 0 0 0.74"])
    assert (str(data[0].atoms.symbols), "read as hydrogen" in notes[0]) == ("H2", True)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (["2", "", *WATER], "line 10 must be the number of atoms in the next frame, not 'H 0 -0.7572 -0.4692'"),
        (["4", "", *WATER], "it states 4 atoms, but only 3 lines with atoms follow"),
        (["999999999999", "", *WATER], "it states 999999999999 atoms, but only 3 lines with atoms follow"),
        (["3", "", WATER[0], "H 0 0.7572", WATER[2]], "it states 3 atoms, but only 1 lines with atoms follow"),
        (["3", "", WATER[0], "H 0 0.7572 x", WATER[2]], "not readable: "),
        (["3", "", "Qq 0 0 0", *WATER[1:]], "'Qq' is no element"),
        (["3", "", *WATER[:2], WATER[1]], r"atoms 2 \(H\) and 3 \(H\) are 0 Angstrom apart"),
        (["3", "Properties=species:S:1:pos:R:99999999", *WATER], "state 100000000 columns, but the atoms have 4"),
        (["3", 'Lattice="1 0 0 0 1 0" pbc="T T T"', *WATER], "not readable: "),
    ],
)
def test_a_bad_frame_does_not_affect_the_others(tmp_path: Path, bad: list[str], reason: str) -> None:
    good = ["3", "", *WATER]
    data, _ = read(tmp_path / "a.xyz", [*good, *bad, *good, *good])
    assert data.ids == ["0", "2", "3"]
    assert re.search(reason, data.left_out["1"])
    drawn = read_dataset(tmp_path / "a.xyz", n=4, seed=1)
    assert set(drawn.ids) == {"0", "2", "3"}


def test_raw_files_of_gdb9(tmp_path: Path) -> None:
    head = "gdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t35.3641\t0.044749\t-40.47893"
    lines = ["5", f"{head}\t-40.476062\t-40.475117\t-40.498597\t6.469\t"]
    atoms = ["-0.01 1.0858 0.008", "2.1997*^-6 -0.006 0.002", "1.0117 1.4637 0.0003", "-0.54 1.4475 -0.8766"]
    atoms.append("-0.5238 1.4379 0.9064")
    lines += [f"{symbol}\t{position}\t-0.5*^-1" for symbol, position in zip("CHHHH", atoms, strict=True)]
    lines += ["1341.307\t1341.3284\t1341.365", "C\tC\t", "InChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4"]
    data, notes = read(
        tmp_path / "a.xyz", [*lines, *(line.replace("gdb 1", "gdb 2") for line in lines)], labels=["gap"]
    )
    assert data.ids == ["gdb 1", "gdb 2"]
    assert str(data[0].atoms.symbols) == "CH4"
    assert data[0].atoms.positions[1, 0] == 2.1997e-6
    assert data[0].labels["gap"] == 0.5048
    np.testing.assert_allclose(data[0].labels["energy"], (-40.47893 - 0.044749) * HARTREE)
    assert "energy is U0 - zpve" in notes[0]
    data, notes = read(tmp_path / "a.xyz", lines, energy_key="U0")
    np.testing.assert_allclose(data[0].labels["energy"], -40.47893 * HARTREE)
    assert [note.split("samples: ")[1] for note in notes] == [
        "energy taken from U0",
        "energy converted from hartree to eV",
    ]


SLAB = 'Lattice="3.6 0 0 -1.8 3.12 0 {}" pbc="{}" Properties=species:S:1:pos:R:3'


@pytest.mark.parametrize(
    ("third", "pbc", "reason"),
    [
        ("0 0 0", "T T F", ""),
        ("0 0 20", "T T F", ""),
        ("0 0 0", "F F F", ""),
        ("0 0 0", "T T T", "periodic along c, but that cell vector is 0 Angstrom long"),
        ("1.8 3.12 0", "T T T", "it is periodic, but its cell has no volume"),
        ("0 0 nan", "T T T", "the cell is not finite"),
        ("0 0 1e9", "T T F", "a coordinate or cell vector is longer than 1e.06 Angstrom"),
    ],
)
def test_periodic_directions_need_independent_cell_vectors(tmp_path: Path, third: str, pbc: str, reason: str) -> None:
    lines = ["2", SLAB.format(third, pbc), "Si 0 0 0", "Si 1.3575 1.3575 1.3575"]
    if reason:
        with pytest.raises(InputError, match=reason):
            read(tmp_path / "a.xyz", lines)
    else:
        data, _ = read(tmp_path / "a.xyz", lines)
        assert data[0].atoms.pbc.tolist() == [letter == "T" for letter in pbc.split()]


def test_atoms_that_touch_across_a_face_of_an_oblique_cell(tmp_path: Path) -> None:
    cell = "3 0 0 60.2 3 0 0.1 0 3"  # the second vector has the first added 20 times
    lines = ["2", f'Lattice="{cell}"', "Si 0.1 0.1 0.1", "Si 0.1 0.1 2.9"]
    with pytest.raises(InputError, match=r"atoms 1 \(Si\) and 2 \(Si\) are 0.224 Angstrom apart"):
        read(tmp_path / "a.xyz", lines)
    data, _ = read(tmp_path / "a.xyz", [*lines[:3], "Si 0.1 0.1 1.5"])
    assert len(data) == 1


def test_a_file_that_is_no_xyz(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1 must be the number of atoms in the next frame, not 'smiles'"):
        read(tmp_path / "a.xyz", ["smiles", "C"])
    with pytest.raises(InputError, match="contains no samples"):
        read(tmp_path / "a.xyz", ["", ""])


@pytest.mark.parametrize(
    ("comment", "info"),
    [
        ("CSD_code = WIXKOE | q = 1 | S = 0.5 | Stoichiometry = H2O | MND = 12", {"charge": 1, "spin": 2}),
        ("CSD_code = X | q = 0 | S = 1 | MND = 12", {"spin": 3}),
        ("charge: -1 mult: 2", {"charge": -1, "spin": 2}),
        ("water, charge = -1, multiplicity = 2", {"charge": -1, "spin": 2}),
        ("charge=-1; multiplicity=2;", {"charge": -1, "spin": 2}),
        ('{"charge": -1, "multiplicity": 2, "name": "a b"}', {"charge": -1, "spin": 2}),
        ("charge=2-", {"charge": -2}),
        ("charge=1+", {"charge": 1}),
        ("formal_charge=1", {"charge": 1}),
        ("charge=None", {}),
        ("charge=nan", {}),
        ("-1 2", {"charge": -1, "spin": 2}),
        ("-1 1", {}),
        ("step 10 s=3 t=4", {}),
    ],
)
def test_charges_in_comments(tmp_path: Path, comment: str, info: dict) -> None:
    assert read(tmp_path / "a.xyz", ["3", comment, *WATER])[0][0].atoms.info == info


def test_charges_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contradict each other in the charge: Charge = 1, charge = 2"):
        read(tmp_path / "a.xyz", ["3", "Charge=1 charge=2", *WATER])


@pytest.mark.parametrize(
    ("comment", "energy"),
    [
        ("energy=-76.4 Hartree", -76.4 * HARTREE),
        ("Energy=-76.4 a.u.", -76.4 * HARTREE),
        ("energy=-76.4 eV", -76.4),
        ("energy=-76.4 Ha Properties=species:S:1:pos:R:3", -76.4 * HARTREE),
        ("energy=-76.4 step Hartree", -76.4),
        ('{"energy": -3.5}', -3.5),
    ],
)
def test_units_after_the_energy(tmp_path: Path, comment: str, energy: float) -> None:
    data, _ = read(tmp_path / "a.xyz", ["3", comment, *WATER])
    assert data[0].labels["energy"] == pytest.approx(energy)


@pytest.mark.parametrize(
    "comment",
    [
        'lattice="5 1 0 0 6 0 0 0 7"',
        'lattice="5 1 0 0 6 0 0 0 7" properties=species:S:1:pos:R:3',
        'cell="5 1 0 0 6 0 0 0 7" pbc="T T T"',
        "Cell=[[5,1,0],[0,6,0],[0,0,7]]",
        '{"cell": [[5, 1, 0], [0, 6, 0], [0, 0, 7]]}',
        '{"Lattice": [5, 1, 0, 0, 6, 0, 0, 0, 7]}',
        'LATTICE="5 1 0 0 6 0 0 0 7"',
        'Lattice="5 1 0 0 6 0 0 0 7" Properties=species:S:1:pos:R:3',
    ],
)
def test_cells_under_other_names(tmp_path: Path, comment: str) -> None:
    (sample,) = read(tmp_path / "a.xyz", ["3", comment, *WATER])[0]
    np.testing.assert_allclose(sample.atoms.cell.array, [[5, 1, 0], [0, 6, 0], [0, 0, 7]])
    assert sample.atoms.pbc.all()


def test_cells_of_lengths_and_angles(tmp_path: Path) -> None:
    data, notes = read(tmp_path / "a.xyz", ["3", "Cell=[5,6,7,90,90,100]", *WATER])
    np.testing.assert_allclose(data[0].atoms.cell.cellpar(), [5, 6, 7, 90, 90, 100])
    assert notes == ["a.xyz: 1 of 1 samples: cell taken from Cell"]
    for comment in ('cell="5 6"', 'Lattice="5 6 7" Properties=species:S:1:pos:R:3', 'cell="a b"'):
        with pytest.raises(InputError, match=r"its cell |item Lattice"):
            read(tmp_path / "a.xyz", ["3", comment, *WATER])


@pytest.mark.parametrize(
    ("comment", "factor"),
    [
        ("units=bohr", 0.529177210544),
        ("Properties=species:S:1:pos:R:3 length_unit=bohr energy=-1 energy_unit=hartree", 0.529177210544),
        ("pos_unit=nm", 10),
        ("units=Angstrom", 1),
        ("units=Hartree", 1),
        ("units: Bohr", 0.529177210544),
    ],
)
def test_units_of_length(tmp_path: Path, comment: str, factor: float) -> None:
    data, notes = read(tmp_path / "a.xyz", ["3", comment, *WATER])
    np.testing.assert_allclose(data[0].atoms.positions[1], np.array([0, 0.7572, -0.4692]) * factor)
    assert any("lengths converted from" in line for line in notes) == (factor != 1)
    for text in ("pos_unit=foot", "coordinates in bohr", "geometry (Bohr)"):
        with pytest.raises(InputError, match=r"is not known|but \.xyz files are in Angstrom"):
            read(tmp_path / "a.xyz", ["3", text, *WATER])


def test_types_of_lammps_are_no_elements(tmp_path: Path) -> None:
    comment = "Atoms. Timestep: 0"
    with pytest.raises(InputError, match="types in place of elements: write them with dump_modify ID element NAMES"):
        read(tmp_path / "a.xyz", ["3", comment, *(line.replace("O", "1").replace("H", "2") for line in WATER)])
    assert str(read(tmp_path / "a.xyz", ["3", comment, *WATER])[0][0].atoms.symbols) == "OH2"


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_many_atoms_on_one_spot_take_no_time(tmp_path: Path, spread: float) -> None:
    positions = np.random.default_rng(0).normal(0, spread, (50_000, 3))
    lines = ["50000", "", *(f"H {x:.9f} {y:.9f} {z:.9f}" for x, y, z in positions)]
    start = time.perf_counter()
    with pytest.raises(InputError, match="Angstrom apart, and 49998 more atoms are too close"):
        read(tmp_path / "a.xyz", lines)
    assert time.perf_counter() - start < 30


def test_the_closest_of_several_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"atoms 2 \(O\) and 4 \(C\) are 0.1 Angstrom apart, and 2 more atoms are too"):
        read(tmp_path / "a.xyz", ["4", "", "H 0 0 0", "O 5 0 0", "H 0.3 0 0", "C 5 0.1 0"])
