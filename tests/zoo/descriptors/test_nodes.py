"""Descriptors of atoms, residues and tokens, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule

from hyle.zoo import Dataset, Sample, load_dataset
from hyle.zoo.descriptors import SampleDescriptors, describe_nodes


def described(sample: Sample, count: int, per: str = "atom", **options) -> SampleDescriptors:
    data = Dataset("own", [sample], "molecules", "MIT", "here")
    return describe_nodes(data, [f"{sample.id}#{i}" for i in range(count)], per, **options)


def test_atoms_of_a_string() -> None:
    found = described(Sample("a#b", smiles="Cc1ccc(O)cc1"), 8)
    expected = {
        "C": (1, 1, 1, 1, 1, 0, 1, 1),
        "O": (0, 0, 0, 0, 0, 1, 0, 0),
        "aromatic": (0, 1, 1, 1, 1, 0, 1, 1),
        "in a ring": (0, 1, 1, 1, 1, 0, 1, 1),
        "sp3 hybridised": (1, 0, 0, 0, 0, 0, 0, 0),
        "bonds to heavy atoms": (1, 3, 2, 2, 3, 1, 2, 2),
        "bonded hydrogens": (3, 0, 1, 1, 0, 1, 1, 1),
        "bonded to O": (0, 0, 0, 0, 1, 0, 0, 0),
    }
    for name, values in expected.items():
        assert found[name].values.tolist() == list(values), name
    assert found.noun == "atoms"


def test_atoms_of_a_structure_know_the_graph_of_its_string() -> None:
    ethanol = molecule("CH3CH2OH")
    found = described(Sample("x", smiles="OCC", atoms=ethanol), len(ethanol))
    symbols = ethanol.get_chemical_symbols()
    assert found["O"].values.tolist() == [symbol == "O" for symbol in symbols]
    assert found["coordination number"].values.tolist() == [{"C": 4, "O": 2, "H": 1}[symbol] for symbol in symbols]
    hydrogens = found["bonded hydrogens"].values
    assert np.isnan(hydrogens[[i for i, symbol in enumerate(symbols) if symbol == "H"]]).all()
    assert hydrogens[symbols.index("O")] == 1
    assert sorted(hydrogens[np.isfinite(hydrogens)].tolist()) == [1, 2, 3]
    assert found["distance to the nearest atom"].values[symbols.index("O")] == pytest.approx(0.97, abs=0.03)
    # A string of another molecule says nothing of the atoms.
    other = described(Sample("x", smiles="COC", atoms=ethanol), len(ethanol))
    assert "bonded hydrogens" not in {each.name for each in other.descriptors}


def test_atoms_of_crystals_and_slabs() -> None:
    salt = described(Sample("x", atoms=bulk("NaCl", "rocksalt", a=5.64)), 2)
    assert salt["coordination number"].values.tolist() == [6, 6]
    assert salt["bonded to Cl"].values.tolist() == [1, 0]
    assert salt["distance to the nearest atom"].values == pytest.approx([2.82, 2.82])
    slab = fcc111("Cu", (1, 1, 5), a=3.6, vacuum=10)
    layer = 3.6 / 3**0.5
    for pbc in (True, (True, True, False)):
        slab.pbc = pbc
        slab.positions[:, 2] += 9  # across the boundary of the cell
        depth = described(Sample("x", atoms=slab), 5)["distance to the surface"].values
        assert depth == pytest.approx([0, layer, 2 * layer, layer, 0], abs=1e-6)
    assert "distance to the surface" not in {each.name for each in salt.descriptors}


def test_residues() -> None:
    backbone = np.zeros((3, 4, 3))
    backbone[:, 1, 0] = (0, 6, 13)
    found = described(Sample("x", sequence="KWG", backbone=backbone), 3, "residue")
    assert found["lysine"].values.tolist() == [1, 0, 0]
    assert found["charged residues"].values.tolist() == [1, 0, 0]
    assert found["distance to the nearest terminus"].values.tolist() == [0, 1, 0]
    assert found["number of residues within 10 Å"].values.tolist() == [1, 2, 1]
    assert found["glycine"].more == "that are glycine"
    unknown = described(Sample("x", sequence="KWGA", backbone=backbone), 4, "residue")
    assert "number of residues within 10 Å" not in {each.name for each in unknown.descriptors}


def test_tokens_are_their_texts() -> None:
    found = described(Sample("x", text="a b a"), 3, "token", labels=["a", "b", "a"])
    assert found["a"].values.tolist() == [1, 0, 1]
    assert found.noun == "tokens"


@pytest.mark.parametrize(
    ("ids", "per", "labels", "message"),
    [
        (["x#0"], "molecule", None, "per='molecule' must be one of atom, residue, token"),
        (["x#0"], "token", None, "give one label for each"),
        (["x#0"], "token", ["a", "b"], "2 labels for 1 tokens"),
        (["y#0"], "atom", None, "has no sample 'y'"),
        (["x"], "atom", None, "is not the id of an atom"),
        (["x#2"], "atom", None, "'x' has 2 atoms, numbered from 0"),
    ],
)
def test_mistakes_are_named(ids: list[str], per: str, labels: list[str] | None, message: str) -> None:
    data = Dataset("own", [Sample("x", smiles="CO")], "molecules", "MIT", "here")
    with pytest.raises(ValueError, match=message):
        describe_nodes(data, ids, per, labels)


def test_real_molecules_all_match_their_strings() -> None:
    data = load_dataset("qm9").head(10)
    ids = [f"{sample.id}#{i}" for sample in data for i in range(len(sample.atoms))]
    found = describe_nodes(data, ids, "atom")
    heavy = found["H"].values == 0
    assert np.isfinite(found["aromatic"].values[heavy]).mean() > 0.9
    assert np.isnan(found["aromatic"].values[~heavy]).all()
