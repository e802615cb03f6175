"""Crystals in CIF files, compared with pymatgen and ASE, and files that are not quite right."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, load_dataset, read_dataset

pytest.importorskip("ase")
pytest.importorskip("gemmi")

CUBIC = """\
data_x
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
"""
FM3M = "_symmetry_space_group_name_H-M 'F m -3 m'\n_symmetry_Int_Tables_number 225\n"
FACES = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'x, y+1/2, z+1/2'\n'x+1/2, y, z+1/2'\n'x+1/2, y+1/2, z'\n"
COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")


def sites(*rows: str, columns: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join(["loop_", *(f"_atom_site_{name}" for name in columns), *rows, ""])


SALT = sites("Na1 Na 0 0 0 1", "Cl1 Cl 0.5 0.5 0.5 1")


def formula(path: Path, text: str, lines: list[str] | None = None) -> str:
    path.write_text(text)
    (sample,) = read_dataset(path, notify=None if lines is None else lines.append)
    return sample.atoms.get_chemical_formula()


@pytest.mark.parametrize(
    "text",
    [
        CUBIC + FM3M + SALT,
        CUBIC + FACES + SALT,  # operations without the name of a group
        CUBIC + "_space_group_name_Hall '-F 4 2 3'\n" + SALT,
        CUBIC + "_space_group_IT_number 225\n" + SALT,
        CUBIC + FM3M + sites("Na1 Na 0 0 0 ?", "Cl1 Cl 0.5 0.5 0.5 ."),
        CUBIC + FM3M + sites("Na1 Na1+ 0 0 0 0.999", "Cl1 Cl1- 0.5 0.5 0.5 1.00(2)"),
        CUBIC + FM3M + sites("NA1 ? 0 0 0 1", "Cl1 . 0.5 0.5 0.5 1"),
        CUBIC + FM3M + "_cell_length_a 5.64\n" + SALT,  # a tag twice
        CUBIC + FM3M + sites("Na1 Na 0 0 0 1", "Cl1 Cl 0.5 0.5 0.5 1", "Va1 Fe 0.25 0.25 0.25 0"),
        "data_global\n_publ_section_title 'none'\n" + CUBIC + FM3M + SALT,
        "#\xfc".encode("latin-1").decode("latin-1") + "\n" + CUBIC + FM3M + SALT,
    ],
)
def test_rock_salt_in_many_forms(tmp_path: Path, text: str) -> None:
    assert formula(tmp_path / "a.cif", text) == "Cl4Na4"


def test_a_file_in_latin_1(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_bytes(f"data_g\n_publ_author_name 'M\xfcller'\n{CUBIC}{FM3M}{SALT}".encode("latin-1"))
    assert len(read_dataset(tmp_path / "a.cif")[0].atoms) == 8


HCP = re.sub("5.64", "3.21", CUBIC, count=2).replace("5.64", "5.21").replace("gamma 90", "gamma 120")
HCP += "_symmetry_space_group_name_H-M 'P 63/m m c'\n"


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
def test_rounded_thirds_are_special_positions(tmp_path: Path, digits: int) -> None:
    lines: list[str] = []
    site = sites(f"Mg1 Mg {1 / 3:.{digits}f} {2 / 3:.{digits}f} 0.25 1")
    assert formula(tmp_path / "a.cif", HCP + site, lines) == "Mg2"
    assert ("special positions" in "".join(lines)) == (digits < 4)
    (sample,) = read_dataset(tmp_path / "a.cif")
    np.testing.assert_allclose(np.sort(sample.atoms.get_scaled_positions()[:, 0]), [1 / 3, 2 / 3], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CUBIC + FM3M + sites("M1 0 0 0", columns=("label", *COLUMNS[2:5])), "site label 'M1' is no element"),
        (CUBIC + FM3M + sites("Wat1 0 0 0", columns=("label", *COLUMNS[2:5])), "site label 'Wat1' is no element"),
        (CUBIC + FM3M + sites("Zz1 Zz 0 0 0 1"), "type symbol 'Zz' is no element"),
        (CUBIC + FM3M + sites("Na1 Na 0 0 0 1", "H1 H ? ? ? 1"), "the coordinates of site H1 are not known"),
        (CUBIC + FM3M + sites("Na1 Na 0 0 0 0.5"), r"partially occupied sites: .* \(site Na1\)"),
        (CUBIC + FM3M + sites("Na1 Na 0 0 0 x"), "the occupancy of site Na1 is 'x', which is not a number"),
        (CUBIC + FM3M + sites("Na1 Na 0 0 0 1", "K1 K 0 0 0 1"), r"atoms . \(Na\) and . \(K\) are 0 Angstrom apart"),
        (CUBIC + FM3M + sites("O1 O 0.05 0 0 1"), r"atoms . \(O\) and . \(O\) are 0.399 Angstrom apart"),
        (CUBIC + "_symmetry_space_group_name_H-M 'Q m'\n" + SALT, "space group 'Q m' is not known"),
        (CUBIC + FACES.replace("y+1/2", "q") + SALT, "the symmetry operation 'x, q, z.1/2' is not readable"),
        (CUBIC.replace("alpha 90", "alpha 200") + SALT, "no cell has the parameters 5.64, 5.64, 5.64, 200, 90, 90"),
        (CUBIC.replace("alpha 90", "alpha 1") + SALT, r"atom 1 \(Na\) is 0.0984 Angstrom from its own image"),
        ("data_x\n" + SALT, "fractional coordinates, but no complete cell"),
        (CUBIC + FM3M + sites("Na1 Na 0 0 0"), "not readable: .*(loop|Wrong number)"),
    ],
)
def test_a_structure_that_cannot_be_used_is_left_out_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "bad.cif").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_dataset(folder / "bad.cif")
    (folder / "good.cif").write_text(CUBIC + FM3M + SALT)
    data = read_dataset(folder)
    assert data.ids == ["good"]
    assert re.search(reason, data.left_out["bad"])


def test_one_bad_block_does_not_affect_the_others(tmp_path: Path) -> None:
    good = CUBIC + FM3M + SALT
    bad = [good.replace("Na1 Na", "Zz1 Zz"), good.replace("'F m", "F m").replace("0 0 0 1", "0 0"), good[:100]]
    (tmp_path / "a.cif").write_text(
        "".join(block.replace("data_x", f"data_{i}") for i, block in enumerate([good, *bad, good]))
    )
    data = read_dataset(tmp_path / "a.cif")
    assert data.ids == ["0", "3"]  # the block without sites is none
    assert list(data.left_out) == ["1", "2"]
    assert data.left_out["1"].startswith("block 1: ")


def test_a_composition_that_is_not_that_of_the_formula_is_reported(tmp_path: Path) -> None:
    lines: list[str] = []
    formula(tmp_path / "a.cif", CUBIC + FM3M + "_chemical_formula_sum 'Na Cl H2 O'\n" + SALT, lines)
    assert "the composition is not that of the formula: 0 (Cl4Na4, not Na Cl H2 O)" in lines[0]
    lines.clear()
    formula(tmp_path / "a.cif", CUBIC + FM3M + "_chemical_formula_sum 'Cl1 Na1'\n" + SALT, lines)
    assert not lines


@pytest.mark.parametrize("position", ["0 0 0", "0.125 0.125 0.125"])
def test_of_two_origins_the_one_with_the_right_number_of_atoms_is_used(tmp_path: Path, position: str) -> None:
    group = "_symmetry_space_group_name_H-M 'F d -3 m'\n_symmetry_Int_Tables_number 227\n"
    lines: list[str] = []
    assert formula(tmp_path / "a.cif", CUBIC + group + sites(f"C1 C {position} 1"), lines) == "C8"
    assert "the origin of its space group is not stated; F d -3 m:" in lines[0]


def test_molecules_without_a_cell(tmp_path: Path) -> None:
    from ase.build import molecule
    from ase.io import write

    write(tmp_path / "a.cif", molecule("H2O"))
    (sample,) = read_dataset(tmp_path / "a.cif")
    assert str(sample.atoms.symbols) == "OH2"
    assert not sample.atoms.pbc.any()
    np.testing.assert_allclose(sample.atoms.positions, molecule("H2O").positions, atol=1e-6)


def same(first, second, tolerance: float) -> None:
    """Check that two ASE structures have the same atoms, volume and distances."""
    assert Counter(first.get_chemical_symbols()) == Counter(second.get_chemical_symbols())
    np.testing.assert_allclose(first.get_volume(), second.get_volume(), rtol=1e-4)
    pair = [np.sort(atoms.get_all_distances(mic=True), axis=None) for atoms in (first, second)]
    np.testing.assert_allclose(*pair, atol=tolerance)


# One of each Laue class and Bravais lattice, with screw axes, glide planes and both settings of the rhombohedral cell.
GROUPS = [
    1,
    2,
    5,
    9,
    14,
    15,
    19,
    36,
    43,
    62,
    70,
    82,
    88,
    96,
    122,
    141,
    148,
    155,
    161,
    167,
    176,
    182,
    194,
    198,
    205,
    216,
    220,
    227,
    230,
]


def cell_of(group: int):
    from pymatgen.core import Lattice

    limits = {
        2: (80, 95, 100),
        15: (90, 102, 90),
        74: (90, 90, 90),
        142: (90, 90, 90),
        194: (90, 90, 120),
        230: (90,) * 3,
    }
    a, b, c = (9.1, 10.3, 11.7) if group <= 74 else (10.1, 10.1, 12.9) if group <= 194 else (18.1,) * 3
    return Lattice.from_parameters(a, b, c, *next(angles for last, angles in limits.items() if group <= last))


@pytest.mark.parametrize("group", GROUPS)
def test_space_groups_agree_with_pymatgen(tmp_path: Path, group: int) -> None:
    core = pytest.importorskip("pymatgen.core")
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.io.cif import CifParser, CifWriter

    structure = core.Structure.from_spacegroup(group, cell_of(group), ["Na", "O"], [[0, 0, 0], [0.11, 0.33, 0.42]])
    path = tmp_path / "a.cif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        CifWriter(structure, symprec=0.01).write_file(path)
        reference = AseAtomsAdaptor.get_atoms(CifParser(path).parse_structures(primitive=False)[0])
    text = path.read_text()
    operations = re.search(r"loop_\n _symmetry_equiv_pos_site_id.*?(?=loop_)", text, re.DOTALL)[0]
    nameless = re.sub("_symmetry_(space_group_name_H-M|Int_Tables_number).*\n", "", text)
    for form in (text, text.replace(operations, ""), nameless):
        path.write_text(form)
        (sample,) = read_dataset(path)
        same(sample.atoms, reference, 2e-3)


def test_crystals_of_a_built_in_data_set_are_unchanged_in_files_of_ase(tmp_path: Path) -> None:
    from ase.io import write

    crystals = load_dataset("mptrj", n=20)
    for kind, suffix in (
        ("cif", "cif"),
        ("vasp", "vasp"),
        ("xsf", "xsf"),
        ("gen", "gen"),
        ("res", "res"),
        ("json", "json"),
    ):
        (folder := tmp_path / kind).mkdir()
        for sample in crystals:
            write(folder / f"{sample.id}.{suffix}", sample.atoms, format=kind)
        atoms = {sample.id: sample.atoms for sample in read_dataset(folder)}
        for sample in crystals:
            same(atoms[sample.id], sample.atoms, 1e-3)


def crystal_of(group) -> tuple[np.ndarray, np.ndarray]:
    """Return a cell [3, 3] with the symmetry of a setting, and the images [n, 3] of a general position in it."""
    from ase.geometry import cellpar_to_cell

    operations = np.array([np.array(operation.float_seitz())[:3] for operation in group.operations()])
    base = cellpar_to_cell([27.1, 30.3, 34.7, 82, 97, 104])
    rotations = operations[:, :, :3]
    metric = (rotations.transpose(0, 2, 1) @ (base @ base.T) @ rotations).mean(0)
    return np.linalg.cholesky(metric), (rotations @ [0.12, 0.31, 0.46] + operations[:, :, 3]) % 1


def without_operations(cell: np.ndarray, group: str) -> str:
    from ase.geometry import cell_to_cellpar

    names = [f"_cell_length_{name}" for name in "abc"] + [f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma")]
    values = cell_to_cellpar(cell)
    lines = ["data_x", *(f"{name} {value:.6f}" for name, value in zip(names, values, strict=True)), group]
    return "\n".join([*lines, sites("O1 O 0.12 0.31 0.46 1")])


def distances(cell: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    from ase import Atoms

    atoms = Atoms(f"O{len(scaled)}", scaled_positions=scaled, cell=cell, pbc=True)
    return np.sort(atoms.get_all_distances(mic=True)[0])


@pytest.mark.thorough
def test_every_setting_by_its_name_or_by_its_number_alone(tmp_path: Path) -> None:
    import gemmi

    from hyle.zoo.readers import Options, reader_of

    wrong, silent = [], []
    for group in gemmi.spacegroup_table():
        cell, scaled = crystal_of(group)
        truth = distances(cell, scaled) if len(scaled) <= 24 else None
        for text in (f"_space_group_name_H-M_alt '{group.xhm()}'", f"_space_group_IT_number {group.number}"):
            (tmp_path / "a.cif").write_text(without_operations(cell, text))
            (row,) = reader_of(tmp_path / "a.cif").read(tmp_path / "a.cif", None, Options())
            by_number = text.endswith(str(group.number))
            if by_number and (row.problem or row.remarks):
                continue
            atoms = row.views["atoms"] if not row.problem else None
            right = atoms is not None and len(atoms) == len(scaled)
            if right and truth is not None:
                right = np.allclose(np.sort(atoms.get_all_distances(mic=True)[0]), truth, atol=1e-3)
            if not right:
                (silent if by_number else wrong).append((group.xhm(), row.problem))
    assert (wrong, silent) == ([], [])


SPELLINGS = {
    "P 1 21/n 1": "P2(1)/n|P 2(1)/n|P 2_1/n|P2_1/n|P 1 2(1)/n 1|P21/n1|P 1 21/n|P 1 21/n 1 (no. 14)|P2sub1/n|P_21/n",
    "P 1 1 21/b": "P 21/b|P 1 1 2(1)/b",
    "P 1 1 21/n": "P 21/n|P 1 1 2(1)/n|P112_1/n",
    "F d -3 m:2": "F d -3 m Z|Fd-3mZ|F d -3 m (origin choice 2)|F 41/d -3 2/m :2|F d -3 m O2",
    "F d -3 m:1": "F d -3 m S|F d -3 m :1|fd-3ms",
    "R -3 m:H": "R -3 m|R -3 m H|R-3m:H|r -3 m :h|R -3 2/m",
    "R -3 m:R": "R -3 m|R -3 m R|R-3m :R|R -3 m Rhombohedral",
    "P 63/m m c": "P6(3)/mmc|P 6_3/m m c|P 63/m 2/m 2/c",
    "P 21 21 21": "P 2(1)2(1)2(1)|P 2_1 2_1 2_1|P212121",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_a_space_group(tmp_path: Path, name: str) -> None:
    import gemmi

    cell, scaled = crystal_of(gemmi.find_spacegroup_by_name(name))
    for spelling in SPELLINGS[name].split("|"):
        (tmp_path / "a.cif").write_text(without_operations(cell, f"_space_group_name_H-M_alt '{spelling}'"))
        notes: list[str] = []
        (sample,) = read_dataset(tmp_path / "a.cif", notify=notes.append)
        assert (len(sample.atoms), notes) == (len(scaled), []), spelling
        found = np.sort(sample.atoms.get_all_distances(mic=True)[0])
        np.testing.assert_allclose(found, distances(cell, scaled), atol=1e-3)


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("_space_group_name_H-M_alt 'P 1 foo 1'\n_space_group_IT_number 14", "'P 1 foo 1' is not known, and number 14"),
        ("_space_group_name_H-M_alt 'P 4/m m m'", "its cell does not have the symmetry of its space group 'P 4/m m m'"),
        ("_space_group_name_H-M_alt 'C m c m'\n_space_group_IT_number 62", "has the number 63, but 62 is stated"),
        ("_space_group_name_Hall '-P 4 2'", "its cell does not have the symmetry"),
        ("_space_group_symop_operation_xyz 'y,x,z'", "its symmetry operation 'y,x,z' does not keep its cell"),
    ],
)
def test_symmetry_that_does_not_fit(tmp_path: Path, group: str, reason: str) -> None:
    (tmp_path / "a.cif").write_text(without_operations(np.diag([5.0, 6.0, 7.0]), group))
    with pytest.raises(InputError, match=re.escape(reason)):
        read_dataset(tmp_path / "a.cif")


def test_a_setting_that_is_not_stated_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(without_operations(np.diag([5.0, 6.0, 7.0]), "_space_group_IT_number 62"))
    notes: list[str] = []
    read_dataset(tmp_path / "a.cif", notify=notes.append)
    assert notes == ["a.cif: 1 of 1 samples: only the number of its space group is stated; P n m a was used"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("_cell_modulation_dimension 1\n" + SALT, "magnetic or modulated structure (_cell_modulation_dimension)"),
        ("loop_\n_space_group_symop_magn_operation.xyz\n'x,y,z,+1'\n" + SALT, "magnetic or modulated structure"),
        (SALT.replace("0 0 0 1", "0 0 0 2.0"), "the occupancy of site Na1 is 2.0, which is larger than 1"),
        (
            sites("C1 C 0 0 0 .", "O1 O .3 0 0 1", "O2 O .3 .3 0 2", columns=(*COLUMNS[:5], "disorder_group")),
            "its disordered sites have no occupancies: make an ordered structure first (site O2)",
        ),
        (
            sites("C1 C 0 0 0 .", "O1 O .3 0 0 -1", columns=(*COLUMNS[:5], "disorder_group")),
            "its disordered sites have no occupancies: make an ordered structure first (site O1)",
        ),
    ],
)
def test_modulated_magnetic_and_disordered_structures(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.cif").write_text(CUBIC + text)
    with pytest.raises(InputError, match=re.escape(reason)):
        read_dataset(tmp_path / "a.cif")
