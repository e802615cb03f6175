"""Pairs of samples that differ in one respect only, in which a model may be blind."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from hyle.zoo import Sample, load_dataset

from .peptides import moved, peptides

Pair = tuple[Sample, Sample]
SMILES = {
    "enantiomers": [
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"),
        ("F[C@H](Cl)Br", "F[C@@H](Cl)Br"),
        ("CC[C@H](C)O", "CC[C@@H](C)O"),
    ],
    "cis-trans isomers": [("F/C=C/F", r"F/C=C\F"), ("C/C=C/C(=O)O", r"C/C=C\C(=O)O")],
    "isotopes": [("[2H]O[2H]", "O"), ("[13CH4]", "C"), ("CC(=O)[18OH]", "CC(=O)O")],
    # With as many hydrogens; with as many charges.
    "charge": [("C[O-]", "C[O]"), ("CC(C)[O-]", "CC(C)[O]")],
    "hydrogens": [("[CH3]", "C"), ("C[CH]C", "CCC")],
}
# Pairs of strings of one molecule, whose atoms are in another order.
ORDERS = {
    "order of atoms": [("OCC", "CCO"), ("c1cccnc1", "n1ccccc1"), ("CC(=O)Nc1ccc(O)cc1", "Oc1ccc(NC(C)=O)cc1")],
    "order of atoms in chiral molecules": [
        ("C[C@H](N)C(=O)O", "N[C@@H](C)C(=O)O"),
        ("F[C@H](Cl)Br", "Br[C@@H](Cl)F"),
        ("F[C@H](Cl)Br", "[C@](F)(Cl)(Br)[H]"),
        ("CC[C@H](C)O", "O[C@@H](C)CC"),
    ],
}


def _mirrored(sample: Sample) -> Sample:
    atoms = sample.atoms.copy()  # type: ignore[union-attr]
    atoms.set_cell(atoms.cell.array * [-1, 1, 1])
    atoms.positions *= [-1, 1, 1]
    return Sample("mirrored", atoms=atoms)


def _charged(sample: Sample, charge: int) -> Sample:
    atoms = sample.atoms.copy()  # type: ignore[union-attr]
    atoms.info["charge"] = charge
    return Sample("charged", atoms=atoms)


def _bent(sample: Sample) -> Sample:
    atoms = sample.atoms.copy()  # type: ignore[union-attr]
    atoms.rattle(0.05, seed=0)
    return Sample("bent", atoms=atoms)


def _heavy(sample: Sample) -> Sample:
    atoms = sample.atoms.copy()  # type: ignore[union-attr]
    atoms.set_masses(2.0 * atoms.get_masses())
    return Sample("heavy", atoms=atoms)


def _structures() -> list[Sample]:
    """Return alanine, bromochlorofluoromethane, and a right-handed crystal of tellurium."""
    import ase
    from ase.spacegroup import crystal
    from rdkit import Chem
    from rdkit.Chem import AllChem

    samples = []
    for smiles in ("C[C@H](N)C(=O)O", "F[C@H](Cl)Br"):
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
        numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
        samples.append(Sample(smiles, atoms=ase.Atoms(numbers, mol.GetConformer().GetPositions())))
    cell = [4.457, 4.457, 5.929, 90, 90, 120]
    return [*samples, Sample("Te", atoms=crystal("Te", [(0.2636, 0, 1 / 3)], spacegroup=152, cellpar=cell))]


def orders() -> Mapping[str, Sequence[Pair]]:
    """Return pairs of strings of one molecule, by what differs."""
    return {
        name: [(Sample("first", smiles=first), Sample("second", smiles=second)) for first, second in values]
        for name, values in ORDERS.items()
    }


@functools.cache
def pairs(view: str) -> Mapping[str, Sequence[Pair]]:
    """Return the pairs for models with this view, by the respect in which they differ."""
    if view == "smiles":
        return {
            name: [(Sample("first", smiles=first), Sample("second", smiles=second)) for first, second in values]
            for name, values in SMILES.items()
        }
    if view == "backbone":
        chain = min(load_dataset("proteins"), key=lambda sample: len(sample.backbone))
        mirrored = Sample("mirrored", backbone=np.asarray(chain.backbone) * np.array([-1, 1, 1], np.float32))
        return {"enantiomers": [(chain, mirrored)]}
    if view == "protein_atoms":
        mirror = np.diag([-1.0, 1.0, 1.0])
        return {"enantiomers": [(sample, moved(sample, mirror)) for sample in peptides()[:4]]}
    if view != "atoms":
        return {}
    structures = _structures()
    return {
        "enantiomers": [(sample, _mirrored(sample)) for sample in structures],
        "conformation": [(sample, _bent(sample)) for sample in structures],
        "isotopes": [(sample, _heavy(sample)) for sample in structures],
        "charge": [(sample, _charged(sample, 2)) for sample in structures],
    }
