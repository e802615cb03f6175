"""Structures in JSON: of pymatgen, the Materials Project, matbench, JARVIS and ASE."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")
core = pytest.importorskip("pymatgen.core")


def silicon():
    return core.Structure.from_spacegroup("Fd-3m", core.Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])


def read(path: Path, value: object, **options):
    text = value if isinstance(value, str) else json.dumps(value, default=lambda item: item.as_dict())
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return read_dataset(path, **options)


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_structures_of_pymatgen(tmp_path: Path, name: str) -> None:
    water = core.Molecule("OHH", ase_build.molecule("H2O").positions, charge=1, spin_multiplicity=2)
    data = read(tmp_path / name, [silicon(), water])
    assert [sample.atoms.get_chemical_formula() for sample in data] == ["Si8", "H2O"]
    assert [sample.atoms.info for sample in data] == [{}, {"charge": 1, "spin": 2}]
    assert [sample.atoms.pbc.all() for sample in data] == [True, False]
    np.testing.assert_allclose(data[0].atoms.cell.array, silicon().lattice.matrix)
    np.testing.assert_allclose(data[0].atoms.positions, silicon().cart_coords, atol=1e-9)
    assert len(read(tmp_path / name, silicon())) == 1


def test_documents_of_the_materials_project(tmp_path: Path) -> None:
    documents = [
        {"material_id": f"mp-{i}", "structure": silicon(), "band_gap": i / 2, "energy_per_atom": -5.0} for i in (1, 2)
    ]
    for value in (documents, {"data": documents}, {d["material_id"]: d for d in documents}):
        data = read(tmp_path / "a.json", value, labels=["band_gap"])
        assert data.ids == ["mp-1", "mp-2"]
        assert data[1].labels == {"band_gap": 1.0, "energy": -40.0}
    lines = "\n".join(json.dumps({**d, "structure": d["structure"].as_dict()}) for d in documents)
    assert read(tmp_path / "a.jsonl", lines).ids == read(tmp_path / "b.json", lines).ids == ["mp-1", "mp-2"]


def test_tables_of_matbench(tmp_path: Path) -> None:
    table = {"index": ["mb-1", "mb-2"], "columns": ["structure", "gap pbe"], "data": [[silicon(), 0.5], [silicon(), 1]]}
    data = read(tmp_path / "a.json.gz", table, labels=["gap pbe"])
    assert (data.ids, [sample.labels for sample in data]) == (["mb-1", "mb-2"], [{"gap pbe": 0.5}, {"gap pbe": 1.0}])


def test_entries_and_steps(tmp_path: Path) -> None:
    entries = pytest.importorskip("pymatgen.entries.computed_entries")
    entry = entries.ComputedStructureEntry(silicon(), -43.2, correction=-1.0, entry_id="mp-149")
    notes: list[str] = []
    data = read(tmp_path / "a.json", [entry], notify=notes.append)
    assert (data.ids, data[0].labels["energy"]) == (["mp-149"], -43.2)
    assert "without the correction of the entry" in notes[0]
    steps = {
        "mp-1": {
            "mp-1-0": {"structure": silicon(), "uncorrected_total_energy": -1.0},
            "mp-1-1": {"structure": silicon()},
        }
    }
    data = read(tmp_path / "a.json", steps)
    assert (data.ids, data[0].labels) == (["mp-1-0", "mp-1-1"], {"energy": -1.0})


def test_partial_occupation_and_other_species(tmp_path: Path) -> None:
    alloy = core.Structure(core.Lattice.cubic(3), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    oxide = core.Structure(core.Lattice.cubic(4.2), ["Mg2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    data = read(tmp_path / "a.json", [alloy, oxide])
    assert (
        "partially occupied sites: .* (site 1)".replace(".* ", "make an ordered structure first ") in data.left_out["0"]
    )
    assert data[0].atoms.get_chemical_formula() == "MgO"


def test_jarvis(tmp_path: Path) -> None:
    atoms = {"lattice_mat": np.eye(3).tolist(), "coords": [[0.0, 0, 0], [0.5, 0.5, 0.5]], "elements": ["Cs", "Cl"]}
    atoms["lattice_mat"] = (np.eye(3) * 4.1).tolist()
    data = read(tmp_path / "a.json", [{"jid": "JVASP-1", "atoms": {**atoms, "cartesian": False}}])
    assert (data.ids, data[0].atoms.get_chemical_formula()) == (["JVASP-1"], "ClCs")
    np.testing.assert_allclose(data[0].atoms.positions[1], 2.05)


def test_databases_and_atoms_of_ase(tmp_path: Path) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect
    from ase.io.jsonio import encode

    crystal, water = ase_build.bulk("Si"), ase_build.molecule("H2O")
    crystal.calc = SinglePointCalculator(crystal, energy=-10.8)
    with connect(tmp_path / "a.json") as database:
        database.write(crystal, name="si", gap=1.1)
        database.write(water, name="w")
    data = read_dataset(tmp_path / "a.json", id_column="name", labels=["gap"])
    assert (data.ids, data[0].labels) == (["si", "w"], {"energy": -10.8, "gap": 1.1})
    assert (data[1].atoms == water, data[0].atoms == crystal) == (True, True)
    for value in (water, [water, water]):
        data = read(tmp_path / "b.json", encode(value))
        np.testing.assert_array_equal(data[0].atoms.positions, water.positions)


def test_other_json_is_left_alone_in_a_folder(tmp_path: Path) -> None:
    read(tmp_path / "a.json", silicon())
    (tmp_path / "config.json").write_text('{"lr": 1}')
    notes: list[str] = []
    assert read_dataset(tmp_path, notify=notes.append).ids == ["a"]
    assert notes == [f"{tmp_path.name}: 1 file was not read: 1 .json"]
    with pytest.raises(InputError, match="contains no structures of pymatgen, ASE or JARVIS"):
        read_dataset(tmp_path / "config.json")
    with pytest.raises(InputError, match=r"b\.json is not readable: Expecting"):
        read(tmp_path / "b.json", '{"sites": ')


def test_charges_in_the_info_of_atoms_of_ase(tmp_path: Path) -> None:
    from ase.io.jsonio import encode

    hydroxide = ase_build.molecule("OH")
    hydroxide.info = {"charge": -1, "spin": 1, "energy": -5.0}
    for value in ([hydroxide, hydroxide], hydroxide):
        data = read(tmp_path / "a.json", encode(value))
        assert [(s.atoms.info, s.labels) for s in data] == [({"charge": -1, "spin": 1}, {"energy": -5})] * len(data)


@pytest.mark.parametrize("name", ["a.db", "a.aselmdb", "a.json"])
def test_keys_of_a_database_that_are_also_properties_of_its_rows(tmp_path: Path, name: str) -> None:
    import zlib

    import lmdb
    from ase.db import connect
    from ase.io.jsonio import encode

    hydroxide = ase_build.molecule("OH")
    if name != "a.aselmdb":
        with connect(tmp_path / name) as database:
            database.write(hydroxide, charge=-1, spin=1, mass=3.5)
    else:
        row = {"numbers": hydroxide.numbers, "positions": hydroxide.positions, "unique_id": "0", "ctime": 0.0}
        row |= {"mtime": 0.0, "user": "", "pbc": hydroxide.pbc, "cell": hydroxide.cell.array}
        row["key_value_pairs"] = {"charge": -1, "spin": 1, "mass": 3.5}
        environment = lmdb.open(str(tmp_path / name), subdir=False, map_size=1 << 24)
        with environment, environment.begin(write=True) as transaction:
            for key, value in (("1", row), ("nextid", 2), ("deleted_ids", [])):
                transaction.put(key.encode(), zlib.compress(encode(value).encode()))
    (sample,) = read_dataset(tmp_path / name, labels=["mass"])
    assert (sample.atoms.info, sample.labels) == ({"charge": -1, "spin": 1}, {"mass": 3.5})


@pytest.mark.parametrize(
    "value",
    [
        {"structure": "x", "columns": 3, "data": "train.csv"},
        {"columns": ["structure"], "data": [3]},
        {"columns": ["structure"], "data": [{}], "index": 4},
        {"ids": 3, "nextid": 4},
        {"ids": [1], "nextid": 2},
        {"ids": [1], "nextid": 2, "1": 7},
        {"ids": [1], "nextid": 2, "1": {"key_value_pairs": 7, "data": [1]}},
        {"ids": [{}], "nextid": 2},
        {"structure": {"sites": [3], "lattice": 4}},
        {"structure": {"sites": [{"species": 4}], "lattice": {"matrix": 3}}},
        {"output": {"structure": {"sites": 3}}},
        [{"atoms": {"lattice_mat": 3, "coords": 4, "elements": 5}}],
        {"numbers": "x", "positions": {}},
    ],
)
def test_documents_of_another_kind_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(InputError):
        read(tmp_path / "a.json", value)


def test_a_missing_row_of_a_database_does_not_affect_the_others(tmp_path: Path) -> None:
    from ase.db import connect

    with connect(tmp_path / "a.json") as database:
        database.write(ase_build.molecule("H2O"))
        database.write(ase_build.bulk("Si"))
    value = json.loads((tmp_path / "a.json").read_text())
    del value["1"]
    data = read(tmp_path / "a.json", value)
    assert (data.ids, data.left_out) == (["1"], {"0": "structure 1: not readable: the row is missing"})


def test_the_output_of_a_task_is_read_under_the_id_of_the_task(tmp_path: Path) -> None:
    task = {"task_id": "mp-7", "input": {"structure": silicon()}, "output": {"structure": silicon(), "energy": -6.2}}
    data = read(tmp_path / "a.json", [task])
    assert (data.ids, data[0].labels) == (["mp-7"], {"energy": -6.2})


def test_corrected_energies_are_reported(tmp_path: Path) -> None:
    document = {
        "material_id": "mp-1",
        "structure": silicon(),
        "energy_per_atom": -5.0,
        "uncorrected_energy_per_atom": -4,
    }
    notes: list[str] = []
    assert read(tmp_path / "a.json", [document], notify=notes.append)[0].labels == {"energy": -40}
    assert "with corrections; --energy-key uncorrected_energy_per_atom selects the others" in notes[0]
    data = read(tmp_path / "a.json", [document], energy_key="uncorrected_energy_per_atom")
    assert data[0].labels == {"energy": -32}


def test_deuterium_is_reported(tmp_path: Path) -> None:
    water = core.Molecule("OHH", ase_build.molecule("H2O").positions)
    heavy = json.dumps(water.as_dict()).replace('"element": "H"', '"element": "D"')
    notes: list[str] = []
    assert read(tmp_path / "a.json", heavy, notify=notes.append)[0].atoms.get_chemical_formula() == "H2O"
    assert notes == ["a.json: 1 of 1 samples: deuterium and tritium are read as hydrogen"]
