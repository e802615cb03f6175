"""Descriptors of molecules, by hand."""

from __future__ import annotations

import builtins
from collections.abc import Callable

import numpy as np
import pytest
from ase.build import molecule
from rdkit.Chem import Fragments

from hyle.zoo import Dataset, MissingPackageError, Sample
from hyle.zoo.descriptors import FUNCTIONAL_GROUPS, OMITTED, SampleDescriptors, describe_samples


def described(*samples: Sample, domain: str = "molecules") -> SampleDescriptors:
    return describe_samples(Dataset("own", samples, domain, "MIT", "here"))


def of_smiles(*smiles: str) -> SampleDescriptors:
    return described(*(Sample(str(i), smiles=text) for i, text in enumerate(smiles)))


def test_every_fragment_of_rdkit_is_named_or_left_out_on_purpose() -> None:
    codes = {name for name in dir(Fragments) if name.startswith("fr_")}
    assert codes == {*FUNCTIONAL_GROUPS, *OMITTED}
    assert not set(FUNCTIONAL_GROUPS) & set(OMITTED)
    assert len(set(FUNCTIONAL_GROUPS.values())) == len(FUNCTIONAL_GROUPS)


@pytest.mark.parametrize(
    ("smiles", "groups"),
    [
        ("CC(=O)C", {"ketone", "carbonyl group"}),
        ("c1ccccc1[N+](=O)[O-]", {"nitro group", "nitro group on a benzene ring", "benzene ring"}),
        ("CC#N", {"nitrile", "nitrogen without hydrogen"}),
        ("C1CCNCC1", {"piperidine ring", "NH group", "six-membered ring"}),
        ("CC(=O)OC", {"ester", "methoxy group", "oxygen between two carbons"}),
        ("C1CO1", {"epoxide", "three-membered ring", "oxygen between two carbons"}),
        ("C1CC11CC1", {"spiro atom", "three-membered ring"}),
        ("C1CC2CCC1C2", {"bridgehead atom", "fused or bridged rings"}),
        ("C1CCCCCCCCCCC1", {"ring of twelve atoms or more"}),
        ("[Na+].[Cl-]", {"several fragments", "formally charged atoms", "contains Na", "no rings"}),
        ("C=CC#C", {"C=C double bond", "C#C triple bond", "terminal alkyne"}),
    ],
)
def test_what_a_molecule_has(smiles: str, groups: set[str]) -> None:
    found = of_smiles(smiles, "CCCC")
    assert {each.name for each in found.descriptors if each.binary and each.values[0] == 1} >= groups
    for name in groups - {"no rings"}:
        assert found[name].values[1] == 0, name


def test_numbers_of_a_molecule() -> None:
    found = of_smiles("C[C@H](N)C(=O)[O-]", "c1ccccc1", "CCCCO", "C[C@H](O)CC(F)Cl")
    expected = {
        "heavy atoms": (6, 6, 5, 7),
        "formal charge": (-1, 0, 0, 0),
        "rotatable bonds": (1, 0, 2, 2),
        "rings": (0, 1, 0, 0),
        "stereocentres": (1, 0, 0, 2),
        "unassigned stereocentres": (0, 0, 0, 1),
        "share of aromatic atoms": (0, 1, 0, 0),
        "share of sp3 carbons": (2 / 3, 0, 1, 1),
        "share of heteroatoms": (0.5, 0, 0.2, 3 / 7),
        "contains F": (0, 0, 0, 1),
        "contains H": (1, 1, 1, 1),
        "no rings": (1, 0, 1, 1),
    }
    for name, values in expected.items():
        assert found[name].values.tolist() == pytest.approx(values), name
    assert found["largest ring"].values[1] == 6
    assert np.isnan(found["largest ring"].values[[0, 2, 3]]).all()
    assert found.noun == "molecules"
    assert (found["nitrile"] if "nitrile" in {d.name for d in found.descriptors} else None) is None
    with pytest.raises(KeyError):
        found["nitrile"]


def test_a_scaffold_is_named_from_five_molecules_on() -> None:
    four = ["Cc1ccccc1", "CCc1ccccc1", "Oc1ccccc1", "Nc1ccccc1", "CC", "CCC"]
    assert not any("scaffold" in each.name for each in of_smiles(*four).descriptors)
    found = of_smiles(*four, "Clc1ccccc1")["scaffold c1ccccc1"]
    assert found.values.tolist() == [1, 1, 1, 1, 0, 0, 1]
    assert (found.more, found.less) == ("with the scaffold c1ccccc1", "without the scaffold c1ccccc1")


def test_molecules_with_atoms_only() -> None:
    water, radical = molecule("H2O"), molecule("CH3")
    radical.info |= {"charge": 1.0, "spin": 2}
    radical.arrays["forces"] = np.array([[0, 3.0, 4.0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    found = described(Sample("a", atoms=water), Sample("b", atoms=radical))
    assert found["atoms"].values.tolist() == [3, 4]
    assert found["contains O"].values.tolist() == [1, 0]
    assert found["total charge"].values.tolist() == [0, 1]
    assert found["unpaired electrons"].values.tolist() == [0, 1]
    assert found["maximal force"].values[1] == 5
    assert np.isnan(found["maximal force"].values[0])
    # Two bonds of oxygen and one of each hydrogen; three of carbon and one of each hydrogen.
    assert found["mean coordination number"].values.tolist() == pytest.approx([4 / 3, 6 / 4])
    gyration = np.sqrt(((water.positions - water.positions.mean(0)) ** 2).sum(1).mean())
    assert found["radius of gyration"].values[0] == pytest.approx(gyration)


def test_samples_that_cannot_be_described_are_named() -> None:
    found = described(
        Sample("a", smiles="CCO"), Sample("b", smiles="C(C"), Sample("é", text="x"), Sample("d", smiles="")
    )
    assert found.left_out == {"b": "RDKit cannot read the SMILES", "é": "it has no atoms and no residues"} | {
        "d": "it has no atoms and no residues"
    }
    assert all(np.isnan(each.values[1:]).all() for each in found.descriptors)
    assert found.ids == ("a", "b", "é", "d")
    assert len(described()) == 0


def test_the_distance_of_a_composition_from_the_mean() -> None:
    found = of_smiles("C", "C", "O")["distance of the composition from the mean"]
    shares = np.array([[0.2, 0.8, 0], [0.2, 0.8, 0], [0, 2 / 3, 1 / 3]])
    assert found.values == pytest.approx(np.linalg.norm(shares - shares.mean(0), axis=1))


@pytest.mark.parametrize(
    ("package", "sample"), [("rdkit", Sample("a", smiles="C")), ("selfies", Sample("a", selfies="[C]"))]
)
def test_a_missing_package_is_named(package: str, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=f"pip install '?{package}"):
        described(sample)
