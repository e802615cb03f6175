"""Groups of samples that are not independent."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from hyle.zoo import Representation, Sample, Store, describe_repeats, group_samples, group_sizes, load_dataset
from hyle.zoo.store.key import Key


def test_molecules() -> None:
    smiles = ["CCO", "OCC", "COC", "c1ccccc1C", "c1ccccc1CC", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "[CH3:1]CO"]
    groups = group_samples([Sample(str(i), smiles=text) for i, text in enumerate(smiles)])
    assert list(groups) == ["structure", "formula", "composition", "elements", "scaffold"]
    numbers = {}
    for kind, labels in groups.items():
        distinct = list(dict.fromkeys(labels.values()))
        numbers[kind] = [distinct.index(label) for label in labels.values()]
    assert numbers["structure"] == [0, 0, 1, 2, 3, 4, 5, 0]  # enantiomers differ, atom maps do not matter
    assert numbers["formula"] == [0, 0, 0, 1, 2, 3, 3, 0]
    assert numbers["scaffold"] == [0, 0, 1, 2, 2, 3, 4, 0]  # both with benzene, the others without rings
    assert groups["formula"]["0"] == "C2H6O1"


def test_crystals() -> None:
    nacl = bulk("NaCl", "rocksalt", a=5.64)
    samples = [Sample("a", atoms=nacl), Sample("b", atoms=nacl * (2, 1, 1)), Sample("c", atoms=bulk("Si"))]
    groups = group_samples(samples)
    assert groups == {
        "formula": {"a": "Cl1Na1", "b": "Cl2Na2", "c": "Si2"},
        "composition": {"a": "Cl1Na1", "b": "Cl1Na1", "c": "Si1"},
        "elements": {"a": "Cl-Na", "b": "Cl-Na", "c": "Si"},
    }
    assert group_sizes(groups) == {"composition": 2}
    assert describe_repeats(3, group_sizes(groups)) == "3 samples of 2 compositions"


def test_a_molecule_has_the_same_formula_as_atoms_and_as_a_string() -> None:
    atoms = group_samples([Sample("x", atoms=molecule("CH3CH2OH"))])
    assert atoms["formula"]["x"] == group_samples([Sample("x", smiles="CCO")])["formula"]["x"]


def test_sequences_and_data_sets_of_several_kinds() -> None:
    groups = group_samples([Sample("a", sequence="MKV"), Sample("b", sequence="MKV")])
    assert groups == {"sequence": {"a": "MKV", "b": "MKV"}}
    assert group_samples([Sample("a", sequence="MKV"), Sample("b", smiles="C")]) == {}
    assert group_samples([Sample("a", text="x")]) == {}
    assert group_samples([]) == {}
    assert describe_repeats(3, {}) == ""
    sizes = {"formula": 214, "structure": 1}
    assert describe_repeats(1069, sizes) == "1,069 samples of 214 formulas, 1 molecular graph"


def test_the_built_in_data_sets_say_what_they_repeat() -> None:
    data = load_dataset("mptrj")
    formulas = {s.atoms.get_chemical_formula("hill") for s in data if s.atoms is not None}
    assert len(set(data.groups["formula"].values())) == len(formulas)


def test_the_store_keeps_groups(tmp_path) -> None:
    key, store = Key("m", "w", "d-1", "l", "p"), Store(tmp_path)
    groups = {"formula": {"a": "C1", "b": "C1", "c": "O1"}}
    with store.extraction(key, ["a", "b", "c"], {}, groups) as extraction:
        extraction.write_shard(["c", "a"], np.eye(2, 3), dropped={"b": "too large"})
        assert extraction.commit().groups == {"formula": ["C1", "O1"]}
    loaded = store.load(key)
    assert loaded is not None
    assert (list(loaded.ids), loaded.groups) == (["a", "c"], {"formula": ["C1", "O1"]})
    with pytest.raises(ValueError, match="m: 1 groups by formula for 2 rows"):
        Representation("m", np.eye(2), ["a", "b"], groups={"formula": ["C1"]})


def test_atoms_of_one_molecule_in_several_shapes_are_one_formula() -> None:
    samples = [Sample(str(i), atoms=Atoms("OH2", np.random.default_rng(i).normal(size=(3, 3)))) for i in range(4)]
    assert group_sizes(group_samples(samples)) == {"formula": 1, "composition": 1}
