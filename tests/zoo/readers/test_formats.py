"""Files of VASP, DFTB+, XCrySDen, AIRSS and LAMMPS, small molecules in .pdb and .mol2, and compressed files."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from contextlib import nullcontext as nothing
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")

POSCAR = "Si2\n1.0\n0 2.715 2.715\n2.715 0 2.715\n2.715 2.715 0\nSi\n2\nDirect\n0 0 0\n0.25 0.25 0.25\n"
XYZ = "2\n\nH 0 0 0\nH 0 0 0.74\n"


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(data, codec="zstd", asbytes=True)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("suffix", PACK)
def test_every_text_format_may_be_compressed(tmp_path: Path, suffix: str) -> None:
    from ase.io import write

    write(tmp_path / "s.cif", ase_build.bulk("Si"))
    write(tmp_path / "s.traj", ase_build.bulk("Si"))
    write(tmp_path / "s.gen", ase_build.bulk("Si"))
    texts = {f"s.{kind}": (tmp_path / f"s.{kind}").read_bytes() for kind in ("cif", "traj", "gen")}
    texts |= {"s.xyz": XYZ.encode(), "s.extxyz": XYZ.encode(), "POSCAR": POSCAR.encode(), "s.smi": b"CCO a\n"}
    for name, content in texts.items():
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(PACK[suffix](content))
        assert len(read_dataset(path)) == 1
        assert read_dataset(path, n=1).ids in (["0"], ["a"])
        path.write_bytes(PACK[suffix](content * 20)[:-9])
        with pytest.raises(InputError, match=rf"{name}\{suffix}"):
            read_dataset(path)
        (path.write_bytes(content),)
        with pytest.raises(InputError, match=rf"{name}\{suffix} is not readable"):
            read_dataset(path)


NAMES = (
    "POSCAR",
    "CONTCAR",
    "POSCAR_mp-149",
    "POSCAR.x",
    "x.POSCAR",
    "x.vasp",
    "CONTCAR.2",
    "CONTCAR_final",
    "POSCAR1",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_vasp(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POSCAR)
    assert str(read_dataset(tmp_path / name)[0].atoms.symbols) == "Si2"


def test_ids_from_names_of_vasp(tmp_path: Path) -> None:
    for name in ("a/POSCAR", "POSCAR_mp-149", "b.POSCAR", "c/CONTCAR.2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(POSCAR)
    (tmp_path / "POSCAR_list.txt").write_text("x")
    assert read_dataset(tmp_path).ids == ["mp-149", "a", "b", "c/2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (POSCAR.replace("\nSi\n", "\n").replace("Si2", "a comment"), "it does not state its elements"),
        (POSCAR.replace("\n2\n", "\n999999999999\n"), "it states 999999999999 atoms, but has 11 lines"),
        (POSCAR.replace("\nSi\n", "\nQq\n"), "not readable"),
        (POSCAR.replace("0.25 0.25 0.25", ""), "not readable"),
        (POSCAR.replace("0.25 0.25 0.25", "1 0 0"), r"atoms 1 \(Si\) and 2 \(Si\) are 0 Angstrom apart"),
        ("", "it is empty"),
    ],
)
def test_poscars_that_cannot_be_used(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "POSCAR").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_dataset(tmp_path / "POSCAR")


def test_xdatcar_is_read_configuration_by_configuration(tmp_path: Path) -> None:
    from ase.io import write

    first, second = ase_build.bulk("Si"), ase_build.bulk("Si")
    second.rattle(0.1, seed=0)
    write(tmp_path / "XDATCAR", [first, second, first], format="vasp-xdatcar")
    data = read_dataset(tmp_path / "XDATCAR")
    for sample, atoms in zip(data, (first, second, first), strict=True):
        np.testing.assert_allclose(sample.atoms.positions, atoms.positions, atol=1e-6)
    text = (tmp_path / "XDATCAR").read_text().splitlines()
    cut = next(i for i, line in enumerate(text) if "configuration=     2" in line) + 1
    (tmp_path / "XDATCAR").write_text("\n".join([*text[:cut], "0 0 x", *text[cut + 1 :], ""]))
    data = read_dataset(tmp_path / "XDATCAR")
    assert (data.ids, list(data.left_out)) == (["0", "2"], ["1"])


def test_outputs_of_vasp(tmp_path: Path) -> None:
    testdata = Path(pytest.importorskip("ase.test").__file__).parent / "testdata" / "vasp"
    if not testdata.is_dir():
        pytest.skip("ASE is installed without its test data")
    for name, formula, energy in (
        ("OUTCAR_example_1", "Ni18", -68.23102426),
        ("vasprun_pstress.xml", "C2", -20.247200953),
    ):
        for suffix, pack in (("", bytes), (".gz", gzip.compress)):
            path = tmp_path / (name + suffix)
            path.write_bytes(pack((testdata / name).read_bytes()))
            (sample,) = read_dataset(path)
            assert str(sample.atoms.symbols) == formula
            assert sample.labels["energy"] == pytest.approx(energy)
    (tmp_path / "OUTCAR").write_text((testdata / "convergence_OUTCAR_y_y").read_text())
    with pytest.raises(InputError, match="OUTCAR is not readable: Incomplete OUTCAR"):
        read_dataset(tmp_path / "OUTCAR")


def test_files_with_symmetry_or_too_few_atoms(tmp_path: Path) -> None:
    from ase.io import write

    write(tmp_path / "a.res", ase_build.bulk("Si"))
    text = (tmp_path / "a.res").read_text()
    (tmp_path / "a.res").write_text(text.replace("LATT -1", "LATT -1\nSYMM -X,-Y,-Z"))
    with pytest.raises(InputError, match="symmetry operations, which are not applied"):
        read_dataset(tmp_path / "a.res")
    for kind in ("gen", "xsf"):
        write(tmp_path / f"a.{kind}", ase_build.bulk("Si"))
        text = (tmp_path / f"a.{kind}").read_text()
        for number, reason in (("99999999999", "it states 99999999999 atoms, but has"), ("4", "not readable")):
            (tmp_path / f"a.{kind}").write_text(
                text.replace("2", number, 1) if kind == "gen" else text.replace(" 2 1", f" {number} 1")
            )
            with pytest.raises(InputError, match=reason):
                read_dataset(tmp_path / f"a.{kind}")


DUMP = """\
ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
{n}
ITEM: BOX BOUNDS pp pp {third}
0.0 5.0
0.0 5.0
0.0 5.0
ITEM: ATOMS id {kind} x y z fx fy fz
2 {second} 1.3 1.3 1.3 0 0 0
1 Si 0 0 0 0 0 0
"""


def dump(step: int = 0, n: int = 2, third: str = "pp", kind: str = "element", second: str = "O") -> str:
    return DUMP.format(step=step, n=n, third=third, kind=kind, second=second)


@pytest.mark.parametrize("name", ["a.lammpstrj", "a.dump", "a.lammpstrj.gz"])
def test_dumps_of_lammps(tmp_path: Path, name: str) -> None:
    text = dump() + dump(n=3) + dump(second="Qq") + dump(step=3, third="ff")
    (tmp_path / name).write_bytes(PACK[".gz"](text.encode()) if name.endswith("gz") else text.encode())
    data = read_dataset(tmp_path / name)
    assert data.ids == ["0", "3"]
    assert [str(sample.atoms.symbols) for sample in data] == ["SiO", "SiO"]
    assert [sample.labels for sample in data] == [{}, {}]  # ASE adds an energy of 0 to forces
    assert data[1].atoms.pbc.tolist() == [True, True, False]
    np.testing.assert_allclose(data[0].atoms.cell.lengths(), 5)
    assert data.left_out["1"] == "line 12: it states 3 atoms, but has 2 lines of atoms"


def test_dumps_without_elements(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(dump(kind="type", second="2").replace("Si", "1"))
    with pytest.raises(InputError, match="its atoms have types but no elements"):
        read_dataset(tmp_path / "a.dump")
    (tmp_path / "a.dump").write_text("select * from table;\n")
    with pytest.raises(InputError, match="is not a dump of LAMMPS: line 1 must be 'ITEM: TIMESTEP'"):
        read_dataset(tmp_path / "a.dump")


def test_small_molecules_in_pdb_files(tmp_path: Path) -> None:
    from ase.io import write

    ethanol = ase_build.molecule("CH3CH2OH")
    write(tmp_path / "x.pdb", [ethanol, ethanol])
    write(tmp_path / "si.pdb", ase_build.bulk("Si", cubic=True))
    data = read_dataset(tmp_path / "x.pdb")
    assert (data.domain, [s.atoms.get_chemical_formula() for s in data]) == ("molecules", ["C2H6O"] * 2)
    np.testing.assert_allclose(data[0].atoms.positions, ethanol.positions, atol=1e-3)
    crystal = read_dataset(tmp_path / "si.pdb")[0].atoms
    assert (str(crystal.symbols), crystal.pbc.all(), crystal.cell.lengths()[0]) == ("Si8", True, 5.43)
    text = (tmp_path / "si.pdb").read_text()
    assert "P 1" in text
    (tmp_path / "si.pdb").write_text(text.replace("P 1", "P 1 21 1"))
    with pytest.raises(InputError, match="asymmetric unit of the space group P 1 21 1 only"):
        read_dataset(tmp_path / "si.pdb")


LIGAND = """\
HETATM    1  N   LIG A   1       0.000   0.000   0.000  1.00  0.00           N1+
HETATM    2  C1 ALIG A   1       1.500   0.000   0.000  0.50  0.00           C
HETATM    3  C1 BLIG A   1       1.600   0.100   0.000  0.50  0.00           C
END
"""


def test_a_ligand_with_a_charge_and_alternate_locations(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(LIGAND)
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "a.pdb", notify=notes.append)
    assert (str(sample.atoms.symbols), sample.atoms.info) == ("NC", {"charge": 1})
    assert "alternate locations other than the first were dropped" in notes[0]
    assert "no hydrogen atoms" in notes[1]


def test_mol_and_mol2(tmp_path: Path) -> None:
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit.Chem import AllChem

    mol = chem.AddHs(chem.MolFromSmiles("C[NH3+]"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    (tmp_path / "a.mol").write_text(chem.MolToMolBlock(mol))
    (sample,) = read_dataset(tmp_path / "a.mol")
    assert (sample.smiles, str(sample.atoms.symbols), sample.atoms.info) == ("C[NH3+]", "CNH6", {"charge": 1})
    (tmp_path / "a.mol2").write_text(
        MOL2 + MOL2.replace("methanol", "broken").replace("C.3", "Q.9") + MOL2.replace("methanol", "b")
    )
    data = read_dataset(tmp_path / "a.mol2")
    assert (data.ids, [s.smiles for s in data], list(data.left_out)) == (["methanol", "b"], ["CO"] * 2, ["broken"])
    assert str(data[0].atoms.symbols) == "COH4"
    np.testing.assert_allclose(data[0].atoms.positions[1], [0.906, -0.5186, -0.3159])


MOL2 = """\
@<TRIPOS>MOLECULE
methanol
 6 5 0 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C          -0.3623    0.0172   -0.0183 C.3     1  MOL1        0.1459
      2 O           0.9060   -0.5186   -0.3159 O.3     1  MOL1       -0.3991
      3 H          -0.8393    0.3812   -0.9493 H       1  MOL1        0.0582
      4 H          -0.2702    0.8500    0.7096 H       1  MOL1        0.0582
      5 H          -1.0064   -0.7710    0.4210 H       1  MOL1        0.0582
      6 H           1.5722    0.0412    0.1528 H       1  MOL1        0.2094
@<TRIPOS>BOND
     1     1     2    1
     2     1     3    1
     3     1     4    1
     4     1     5    1
     5     2     6    1
"""


def mol2(atoms: str, bonds: str = "", charges: str = "USER_CHARGES", name: str = "m") -> str:
    """Return a molecule of atoms as ``type charge x y z``, and single bonds as two numbers."""
    rows, pairs = [line.split() for line in atoms.split(";")], [pair for pair in bonds.split(";") if pair]
    lines = [f"{i} {t.split('.')[0]}{i} {x} {y} {z} {t} 1 UNL {q}" for i, (t, q, x, y, z) in enumerate(rows, 1)]
    lines += ["@<TRIPOS>BOND", *(f"{i} {pair} 1" for i, pair in enumerate(pairs, 1))]
    head = ["@<TRIPOS>MOLECULE", name, f"{len(rows)} {len(pairs)} 0 0 0", "SMALL", charges, "", "@<TRIPOS>ATOM"]
    return "\n".join([*head, *lines, ""])


@pytest.mark.parametrize(
    ("ion", "charge"), [("Zn", 2), ("Fe", 3), ("Fe", 2), ("Cu", 2), ("Cu", 1), ("Na", 1), ("Cl", -1), ("Zn", 2.0001)]
)
def test_single_ions_of_mol2_have_the_charge_of_the_column(tmp_path: Path, ion: str, charge: float) -> None:
    pytest.importorskip("rdkit")
    (tmp_path / "a.mol2").write_text(mol2(f"{ion} {charge} 0 0 0"))
    (sample,) = read_dataset(tmp_path / "a.mol2")
    sign = f"{'+' if charge > 0 else '-'}{abs(round(charge)) if abs(charge) > 1 else ''}"
    assert (sample.smiles, sample.atoms.info) == (f"[{ion}{sign}]", {"charge": round(charge)})


METHYL = "C.3 -1.3 0 0 0;H 0.1 0.6 0.6 0.6;H 0.1 -0.6 -0.6 0.6;H 0.1 0.6 -0.6 -0.6", "1 2;1 3;1 4"


def test_charges_of_mol2_that_contradict_the_atom_types(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    (tmp_path / "a.mol2").write_text(
        mol2(*METHYL, name="anion")
        + mol2(*METHYL, charges="NO_CHARGES", name="none")
        + mol2("Zn 0 0 0 0", charges="NO_CHARGES", name="zinc")
        + mol2("Na 0 0 0 0", charges="NO_CHARGES", name="sodium")
        + mol2("K 1 0 0 0", name="****")
    )
    data = read_dataset(tmp_path / "a.mol2")
    assert {s.id: s.atoms.info for s in data} == {"none": {}, "sodium": {"charge": 1}, "4": {"charge": 1}}
    assert list(data.remarks) == ["unpaired electrons that RDKit infers from valences do not set the spin"]
    assert "its charges add up to -1.00, but its atom types and bonds to +0" in data.left_out["anion"]
    assert "the charge of the atom 1 (Zn), without bonds, is unknown" in data.left_out["zinc"]


def pdb(*atoms: str) -> str:
    """Return HETATM records of ``name residue element x y z`` with an occupancy of 1."""
    rows = [line.split() for line in atoms]
    return "".join(
        f"HETATM{i:5} {n:<4} {r:<4}A   1    {x:>8}{y:>8}{z:>8}  1.00  0.00          {e:>2}\n"
        for i, (n, r, e, x, y, z) in enumerate(rows, 1)
    )


CELL = "CRYST1   10.000   10.000   10.000  90.00  90.00  90.00 P 1           1\n"
CO = pdb("C1 LIG C 0.000 0.000 0.000", "O1 LIG O 1.250 0.000 0.000")
CN = pdb("C1 LIG C 0.000 0.000 0.000", "N1 LIG N 1.250 0.000 0.000")


def test_small_molecules_after_end_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(f"{CO}END\n{CN}END   \n\n{CO}TER\nEND\n")
    data = read_dataset(tmp_path / "a.pdb")
    assert ([s.id for s in data], [str(s.atoms.symbols) for s in data]) == (["0", "1", "2"], ["CO", "CN", "CO"])
    # Frames of one file share the cell that precedes the first.
    (tmp_path / "a.pdb").write_text(f"{CELL}{CO}END\n{CO.replace('1.250', '1.300')}END\n{CN}END\n")
    data = read_dataset(tmp_path / "a.pdb")
    assert [bool(s.atoms.pbc.all()) for s in data] == [True, True, False]
    assert [s.atoms.positions[1, 0] for s in data] == pytest.approx([1.25, 1.3, 1.25])


def test_what_small_pdb_files_leave_open(tmp_path: Path) -> None:
    def read(text: str):
        (tmp_path / "a.pdb").write_text(text)
        return read_dataset(tmp_path / "a.pdb")

    for text in ("********", "        ", "     abc"):
        data = read(f"{CO}END\n{CO.replace('   1.250', text)}END\n")
        assert list(data.left_out.values()) == ["model 2: the coordinates are not finite"]
    assert list(read(CELL + CO).remarks) == ["the structure has no hydrogen atoms"]
    assert read(CELL + CO.replace(" C\n", "Ca\n").replace("C1 ", "CA1")).remarks == {}
    with pytest.raises(InputError, match="it has partially occupied sites"):
        read(CELL + CO.replace("1.00", "0.50"))
    assert list(read(CO.replace("1.00", "0.50")).remarks) == [
        "the molecule has no hydrogen atoms",
        "partially occupied atoms are read as present",
    ]
    heavy_water = pdb("O HOX O 0.000 0.000 0.000", "D1 HOX D 0.960 0.000 0.000", "D2 HOX D -0.24 0.930 0.000")
    data = read(heavy_water)
    assert (str(data[0].atoms.symbols), list(data.remarks)) == ("OH2", ["deuterium and tritium are read as hydrogen"])


def test_calcium_is_no_alpha_carbon(tmp_path: Path) -> None:
    calcium = "HETATM    1 CA   UNL A   1       0.000   0.000   0.000  1.00  0.00          CA\n"
    oxygen = "HETATM    2  O   OXY A   2       2.400   0.000   0.000  1.00  0.00           O\n"
    for line in (calcium, calcium.replace(" CA   UNL", "  CA  UNL"), calcium[:66] + "\n"):
        (tmp_path / "a.pdb").write_text(CELL + line + oxygen)
        assert read_dataset(tmp_path / "a.pdb")[0].atoms.get_chemical_formula() == "CaO"
    carbon = calcium.replace(" CA   UNL", "  CA  UNL").replace("CA\n", " C\n")
    (tmp_path / "a.pdb").write_text(CELL + carbon + carbon.replace("A   1", "A   2").replace("0.000 ", "3.800 ", 1))
    with pytest.raises(InputError, match="has no protein chain: 2 UNL"):
        read_dataset(tmp_path / "a.pdb")


def test_numbers_of_atoms_that_mol2_states_are_checked(tmp_path: Path) -> None:
    """RDKit asks for memory without end where the number is negative."""
    pytest.importorskip("rdkit")
    for number in ("-1", "999999999", "1e9", "x"):
        (tmp_path / "a.mol2").write_text(
            mol2("Na 1 0 0 0").replace("1 0 0 0 0", f"{number} 0 0 0 0") + mol2("Cl -1 0 0 0", name="b")
        )
        data = read_dataset(tmp_path / "a.mol2")
        assert (data.ids, list(data.left_out)) == (["b"], ["m"])
        assert f"it states {number} and 0 atoms and bonds" in data.left_out["m"]


def test_nucleotides_of_force_fields_are_no_small_molecules(tmp_path: Path) -> None:
    for name in ("ADE", "URA", "RA5", "DT3"):
        (tmp_path / "a.pdb").write_text(pdb(f"P {name} P 0.000 0.000 0.000", f"C1' {name} C 4.000 0.000 0.000"))
        with pytest.raises(InputError, match="has no protein chain: chain A is a nucleic acid"):
            read_dataset(tmp_path / "a.pdb")
    # The base alone is a molecule.
    (tmp_path / "a.pdb").write_text(pdb("N9 ADE N 0.000 0.000 0.000", "C8 ADE C 1.370 0.000 0.000"))
    assert str(read_dataset(tmp_path / "a.pdb")[0].atoms.symbols) == "NC"


def poscar(comment: str, symbols: str = "", counts: str = "1 1", rows: tuple[str, ...] = ("0 0 0", ".5 .5 .5")) -> str:
    head = [comment, "1", "5.6 0 0", "0 5.6 0", "0 0 5.6", *([symbols] if symbols else []), counts, "Direct"]
    return "\n".join([*head, *rows, ""])


@pytest.mark.parametrize("comment", ["Na Cl", "  Na   Cl "])
def test_elements_in_the_comment_of_files_of_vasp_4(tmp_path: Path, comment: str) -> None:
    (tmp_path / "POSCAR").write_text(poscar(comment))
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "POSCAR", notify=notes.append)
    assert str(sample.atoms.symbols) == "NaCl"
    assert notes == ["POSCAR: 1 of 1 samples: elements taken from the comment line: 0 (Na Cl)"]


@pytest.mark.parametrize(
    "comment",
    ["No comment", "I am He", "NaCl2", "Na", "Na Cl x", "generated by VESTA", "Os and In", "na cl", ""],
)
def test_comments_of_files_of_vasp_4_that_are_no_elements(tmp_path: Path, comment: str) -> None:
    counts = "2" if comment == "No comment" else "1 1"
    (tmp_path / "POSCAR").write_text(poscar(comment, counts=counts))
    with pytest.raises(InputError, match="it does not state its elements, as files of VASP 4"):
        read_dataset(tmp_path / "POSCAR")


@pytest.mark.parametrize(
    ("symbols", "found"), [("na CL", "NaCl"), ("Na_pv Cl_h/99", "NaCl"), ("Na Cl ! x", "NaCl"), ("D O", "HO")]
)
def test_spellings_of_elements_of_vasp(tmp_path: Path, symbols: str, found: str) -> None:
    (tmp_path / "POSCAR").write_text(poscar("x", symbols))
    assert str(read_dataset(tmp_path / "POSCAR")[0].atoms.symbols) == found
    (tmp_path / "POSCAR").write_text(poscar("x", "Vac Cl"))
    with pytest.raises(InputError, match="'Vac' in the line of its elements is no element"):
        read_dataset(tmp_path / "POSCAR")


AIRSS = """\
TITL x-{i} 0.01 175.6 -2{i}.0 0 0 2 (P1) n - 1
CELL 1.54180 5.6 5.6 5.6 90 90 90
LATT -1
SFAC Na {other}
Na 1 0 0 0 1.0
{other} 2 .5 .5 .5 {occupancy}
END
"""


def test_structures_that_were_appended_to_one_another(tmp_path: Path) -> None:
    velocities = ("0 0 0", ".5 .5 .5", "", "0.1 0 0", "0 0.2 0")
    second = poscar("2", "K Br")
    gen = "2 {kind}\nNa {other}\n1 1 0 0 0\n2 2 {half} {half} {half}\n0 0 0\n5.6 0 0\n0 5.6 0\n0 0 5.6\n"
    texts = {
        "POSCAR": poscar("1", "Na Cl") + second,
        "CONTCAR": poscar("1", "Na Cl", rows=velocities) + "\n" + second,
        "a.gen": gen.format(kind="F", other="Cl", half=0.5) + "\n" + gen.format(kind="S", other="Br", half=2.8),
        "a.res": AIRSS.format(i=1, other="Cl", occupancy=1.0) + AIRSS.format(i=2, other="Br", occupancy=1.0),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        data = read_dataset(tmp_path / name)
        expected = ["NaCl", "KBr" if "CAR" in name else "NaBr"]
        assert [str(sample.atoms.symbols) for sample in data] == expected, name
        for sample in data:
            np.testing.assert_allclose(sample.atoms.get_distance(0, 1), 2.8 * 3**0.5)
    assert [sample.labels for sample in data] == [{"energy": -21.0}, {"energy": -22.0}]
    (tmp_path / "a.gen").write_text("# comment\n" + texts["a.gen"] + "\nx y z\n")
    data = read_dataset(tmp_path / "a.gen")
    assert (len(data), "must be the number of atoms of another structure" in data.left_out["2"]) == (2, True)


def test_partial_occupancies_and_the_centre_of_inversion_of_res_files(tmp_path: Path) -> None:
    whole = AIRSS.format(i=1, other="Cl", occupancy="11.0")
    (tmp_path / "a.res").write_text(whole)
    assert len(read_dataset(tmp_path / "a.res")[0].atoms) == 2
    for text, reason in (
        (AIRSS.format(i=1, other="Cl", occupancy=0.5), r"partially occupied sites: .* \(site Cl\)"),
        (AIRSS.format(i=1, other="Cl", occupancy="10.5"), r"partially occupied sites: .* \(site Cl\)"),
        (whole.replace("LATT -1", "ZERR 1 0 0 0 0 0 0"), "it has symmetry operations"),
    ):
        (tmp_path / "a.res").write_text(text)
        with pytest.raises(InputError, match=reason):
            read_dataset(tmp_path / "a.res")


def test_configurations_of_xdatcar_in_other_spellings_and_with_impossible_numbers(tmp_path: Path) -> None:
    head = poscar("x", "Na Cl").rsplit("Direct", 1)[0]
    frame = "{word} = {i}\n0 0 0\n.5 .5 .5\n"
    text = (
        head
        + frame.format(word="direct configuration", i=1)
        + "\n"
        + head
        + frame.format(word="Direct configuration", i=2)
    )
    (tmp_path / "XDATCAR").write_text(text)
    assert [str(sample.atoms.symbols) for sample in read_dataset(tmp_path / "XDATCAR")] == ["NaCl", "NaCl"]
    for counts in ("9" * 21, "0 0", "1 " + "9" * 400):
        for name, bad in (("XDATCAR", text.replace("1 1", counts, 1)), ("POSCAR", poscar("x", "Na Cl", counts))):
            (tmp_path / name).write_text(bad)
            with pytest.raises(InputError) if name == "POSCAR" else nothing():
                data = read_dataset(tmp_path / name)
                assert (data.ids, list(data.left_out)) == (["1"], ["0"])


def test_elements_of_dumps_from_masses_and_labels(tmp_path: Path) -> None:
    text = dump(kind="mass", second="15.999").replace("1 Si", "1 28.0855")
    (tmp_path / "a.dump").write_text(text)
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "a.dump", notify=notes.append)
    assert str(sample.atoms.symbols) == "SiO"
    assert notes == ["a.dump: 1 of 1 samples: elements taken from the masses of the atoms"]
    for mass in ("14.027", "58.8", "16.043", "2.014", "12.5", "nan", "x"):  # CH2, between Ni and Co, CH4, D
        (tmp_path / "a.dump").write_text(text.replace("15.999", mass))
        with pytest.raises(InputError, match=r"is that of no element|is not a number"):
            read_dataset(tmp_path / "a.dump")
    (tmp_path / "a.dump").write_text(text.replace("15.999", "1").replace("28.0855", "1"))  # in units lj
    with pytest.raises(InputError, match="its mass 1 is that of no element"):
        read_dataset(tmp_path / "a.dump")
    for label, formula in (("o", "SiO"), ("O1", "SiO"), ("D", "SiH")):
        (tmp_path / "a.dump").write_text(dump(second=label))
        assert str(read_dataset(tmp_path / "a.dump")[0].atoms.symbols) == formula
    (tmp_path / "a.dump").write_text(dump(second="8"))
    with pytest.raises(InputError, match="'8' is no element"):
        read_dataset(tmp_path / "a.dump")


def test_units_of_dumps(tmp_path: Path) -> None:
    time = "ITEM: TIME\n0.5\n"  # of dump_modify time yes
    (tmp_path / "a.dump").write_text("ITEM: UNITS\nmetal\n" + time + dump() + time + dump(step=1))
    assert [str(sample.atoms.symbols) for sample in read_dataset(tmp_path / "a.dump")] == ["SiO", "SiO"]
    (tmp_path / "a.dump").write_text("ITEM: UNITS\nelectron\n" + dump())
    with pytest.raises(InputError, match="its units are 'electron', but only metal and real are read"):
        read_dataset(tmp_path / "a.dump")
