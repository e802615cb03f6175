"""Structures read from user files, folders and databases."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import read_dataset

ase_build = pytest.importorskip("ase.build")

SMILES = ["CCO", "c1ccccc1", "C", "CC(N)=O", "CCCl", "O"]


def table(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    rows = [f"m{i},{smiles},{i}.5" for i, smiles in enumerate(SMILES)]
    return table(tmp_path / "mine.csv", ["id,smiles,gap", *rows])


def structures():
    from ase.calculators.singlepoint import SinglePointCalculator

    silicon, ion = ase_build.bulk("Si"), ase_build.molecule("OH")
    silicon.calc = SinglePointCalculator(silicon, energy=-10.5)
    silicon.info |= {"name": "si", "gap": 1.1}
    ion.info |= {"name": "oh", "charge": -1}
    return [silicon, ion]


@pytest.mark.parametrize("suffix", [".extxyz", ".xyz", ".traj", ".db"])
def test_structures_with_energies_charges_and_labels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    atoms = structures()
    if suffix == ".db":
        from ase.db import connect

        with connect(path) as database:
            for one in atoms:
                key_values = {k: v for k, v in one.info.items() if k == "gap"}
                database.write(one, key_values, data={k: v for k, v in one.info.items() if k in ("name", "charge")})
    else:
        from ase.io import write

        write(path, atoms, format="extxyz" if "xyz" in suffix else None)
    data = read_dataset(path, id_column="name", labels=["gap"])
    assert (data.domain, data.views, data.units) == ("materials", ["atoms"], {"energy": "eV"})
    assert data.ids == ["si", "oh"]
    assert [dict(s.labels) for s in data] == [{"energy": -10.5, "gap": 1.1}, {}]
    for sample, one in zip(data, atoms, strict=True):
        np.testing.assert_allclose(sample.atoms.positions, one.positions, atol=1e-8)
        np.testing.assert_allclose(sample.atoms.cell.array, one.cell.array, atol=1e-8)
        assert (sample.atoms.pbc == one.pbc).all()
        assert sample.atoms.calc is None
    assert [s.atoms.info for s in data] == [{}, {"charge": -1.0}]
    assert read_dataset(path).ids == ["0", "1"]
    assert read_dataset(path, n=1, seed=1).ids in (["0"], ["1"])


def test_plain_xyz_has_no_cell(tmp_path: Path) -> None:
    path = table(tmp_path / "a.xyz", ["2", "some words: 'quoted', a=b=c", "H 0 0 0", "H 0 0 0.74", "1", "", "He 0 0 0"])
    data = read_dataset(path)
    assert ([len(s.atoms) for s in data], data.domain, data.units) == ([2, 1], "molecules", {})


def test_invalid_structures_are_skipped(tmp_path: Path) -> None:
    frames = ["1", "", "H 0 0 nan", "1", "", "H 0 0 0", "0", "", "2", "", "H 0 0 0", "Qq 0 0 1"]
    data = read_dataset(table(tmp_path / "a.xyz", frames))
    assert data.ids == ["1"]
    assert data.left_out["0"] == "line 1: the coordinates are not finite"
    assert "no atoms" in data.left_out["2"]
    assert "Qq" in data.left_out["3"]
    with pytest.raises(ValueError, match="line 4 must be the number of atoms in the next frame, not 'H 0 0 0'"):
        read_dataset(table(tmp_path / "b.xyz", ["1", "", "H 0 0 0", "H 0 0 0"]))


def test_partially_occupied_sites_are_rejected(tmp_path: Path) -> None:
    cif = [
        *("data_x", "_cell_length_a 3.6", "_cell_length_b 3.6", "_cell_length_c 3.6", "_cell_angle_alpha 90"),
        *("_cell_angle_beta 90", "_cell_angle_gamma 90", "loop_", "_atom_site_label", "_atom_site_type_symbol"),
        *("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"),
    ]
    ordered = read_dataset(table(tmp_path / "a.cif", [*cif, "Cu1 Cu 0 0 0 1.0"]))
    assert str(ordered[0].atoms.symbols) == "Cu"
    with pytest.raises(ValueError, match="it has partially occupied sites: make an ordered structure first"):
        read_dataset(table(tmp_path / "b.cif", [*cif, "Cu1 Cu 0 0 0 0.5", "Au1 Au 0 0 0 0.5"]))


def test_a_folder_with_several_file_formats(tmp_path: Path) -> None:
    from ase.io import write

    (tmp_path / "si").mkdir()
    write(tmp_path / "si" / "POSCAR", ase_build.bulk("Si"), format="vasp")
    write(tmp_path / "fe.cif", ase_build.bulk("Fe"))
    write(tmp_path / "more.extxyz", [ase_build.bulk("Cu"), ase_build.bulk("Al")])
    (tmp_path / "README").write_text("not a structure")
    data = read_dataset(tmp_path)
    assert data.ids == ["fe", "more:0", "more:1", "si"]
    assert [str(s.atoms.symbols) for s in data] == ["Fe", "Cu", "Al", "Si2"]
    drawn = read_dataset(tmp_path, n=3, seed=1)
    assert drawn.ids == [data.ids[i] for i in np.random.default_rng(1).permutation(4)[:3]]
    assert read_dataset(tmp_path, n=2, seed=None).ids == data.ids[:2]
    write(tmp_path / "fe.xyz", ase_build.bulk("Fe"))
    assert {"fe.cif", "fe.xyz", "si/POSCAR"} < set(read_dataset(tmp_path).ids)
    table(tmp_path / "a.csv", ["smiles", "C"])
    with pytest.raises(ValueError, match="no view in common: read them as separate data sets"):
        read_dataset(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="none contains no supported files: supported files end in"):
        read_dataset(tmp_path / "none")


def test_molecules_of_sdf_have_atoms_if_all_have_3d_coordinates(tmp_path: Path) -> None:
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit.Chem import AllChem

    with chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        for smiles in ("CCO", "C[NH3+]"):
            mol = chem.AddHs(chem.MolFromSmiles(smiles))
            AllChem.EmbedMolecule(mol, randomSeed=1)
            mol.SetProp("_Name", smiles)
            mol.SetProp("y", "3")
            writer.write(mol)
    data = read_dataset(tmp_path / "a.sdf", labels=["y"])
    assert (data.ids, data.views) == (["CCO", "C[NH3+]"], ["smiles", "atoms"])
    assert [s.smiles for s in data] == ["CCO", "C[NH3+]"]
    assert [str(s.atoms.symbols) for s in data] == ["C2OH6", "CNH6"]
    assert [s.atoms.info for s in data] == [{}, {"charge": 1}]
    assert data[0].labels == {"y": 3.0}
    flat = chem.MolFromSmiles("CC")
    AllChem.Compute2DCoords(flat)
    with (tmp_path / "a.sdf").open("a") as stream:
        stream.write(chem.MolToMolBlock(flat) + "$$$$\nbroken\n\n\nnothing\n$$$$\n")
    mixed = read_dataset(tmp_path / "a.sdf")
    assert (mixed.views, mixed[2].atoms, mixed.ids[2]) == (["smiles"], None, "2")
    assert mixed.left_out["broken"].startswith("record 4: RDKit cannot read the molecule: Cannot convert 'not'")


def packed(value: object) -> bytes:
    from ase.io.jsonio import encode

    return zlib.compress(encode(value).encode())


def test_databases_of_fairchem(tmp_path: Path) -> None:
    """Check the format of OMat24, sAlex and OMol25: JSON of ASE, compressed by zlib, keyed by the row number."""
    lmdb = pytest.importorskip("lmdb")
    from ase.db.row import AtomsRow

    silicon, ion = structures()
    path = tmp_path / "part" / "data.0000.aselmdb"
    path.parent.mkdir()
    with lmdb.open(str(path), subdir=False, map_size=2**24) as environment, environment.begin(write=True) as writing:
        for number, atoms in ((1, silicon), (3, ion)):
            row = AtomsRow(atoms)
            facts = {key: row[key] for key in row.__dict__ if key[0] != "_" and key not in (*row._keys, "id")}
            facts |= {"cell": np.asarray(row.cell), "data": {"sid": f"s{number}", "charge": -1 if number == 3 else 0}}
            writing.put(str(number).encode(), packed(facts))
        writing.put(b"nextid", packed(4))
        writing.put(b"deleted_ids", packed([2]))
    path.with_name("data.0000.aselmdb-lock").unlink()
    before = path.read_bytes()
    data = read_dataset(path, id_column="sid")
    assert (data.ids, data.domain) == (["s1", "s3"], "materials")
    assert data[0].labels == {"energy": -10.5}
    assert data[1].atoms.info == {"charge": -1.0}
    np.testing.assert_array_equal(data[0].atoms.positions, silicon.positions)
    assert read_dataset(tmp_path, n=1, seed=0).ids in (["part/data.0000:0"], ["part/data.0000:1"])
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["data.0000.aselmdb"]


def test_the_databases_that_fairchem_writes(tmp_path: Path) -> None:
    aselmdb = pytest.importorskip("ase_db_backends.aselmdb")
    with aselmdb.LMDBDatabase(str(tmp_path / "a.aselmdb")) as database:
        for atoms in structures():
            database.write(atoms, data={"name": atoms.info["name"]})
    assert read_dataset(tmp_path / "a.aselmdb", id_column="name").ids == ["si", "oh"]
