"""Files of VASP, DFTB+, XCrySDen, AIRSS and LAMMPS, small molecules in .pdb and .mol2, and compressed files."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
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
