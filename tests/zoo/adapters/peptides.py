"""Small peptides with all heavy atoms, by RDKit, for models that read all atoms of proteins."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from hyle.zoo import Sample, read_dataset

# Those of the first line have neither glycine nor aromatic rings.
SEQUENCES = (
    *("ALKEVS", "MDIRQC"),
    *("GAVLI", "FYSTNP", "WHGKD", "PGHFRE", "KKWT", "CYGSMN", "TLEAQVR", "QHVPIFG"),
)


@functools.cache
def peptides() -> list[Sample]:
    """Return peptides that RDKit folds at random; their file has no hydrogen atoms."""
    return [peptide(sequence) for sequence in SEQUENCES]


def peptide(sequence: str) -> Sample:
    """Return a peptide as it is read from a PDB file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{sequence}.pdb")
        path.write_text(pdb(sequence))
        return read_dataset(path, protein_atoms=True)[0]


def pdb(sequence: str) -> str:
    """Return a PDB file of a peptide."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    mol = Chem.AddHs(Chem.MolFromSequence(sequence))
    assert AllChem.EmbedMolecule(mol, randomSeed=1, useRandomCoords=True) == 0
    return str(Chem.MolToPDBBlock(Chem.RemoveHs(mol)))


def moved(sample: Sample, matrix: np.ndarray, name: str = "moved") -> Sample:
    """Return a sample whose atoms are multiplied by a matrix and displaced."""
    assert sample.protein_atoms is not None
    positions = sample.protein_atoms.positions @ matrix + 7
    return Sample(name, protein_atoms=replace(sample.protein_atoms, positions=positions))
