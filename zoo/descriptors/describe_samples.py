"""The descriptors of the samples of a data set, by what each sample has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..base import UNREADABLE, Dataset, Sample
from .composition import composition_facts
from .crystals import crystal_facts
from .descriptor import Fact, SampleDescriptors, Table
from .missing import needed_for
from .molecules import element_counts, find_molecule, molecule_facts, scaffold, scaffold_facts
from .proteins import protein_facts
from .structures import structure_facts

# A scaffold is a descriptor if this many molecules have it.
COMMON_SCAFFOLD = 5
EMPTY = "it has no atoms and no residues"
FLAT = "it is periodic, but its cell has no volume"


def describe_samples(dataset: Dataset, training: Iterable[Sample] = ()) -> SampleDescriptors:
    """Describe each sample of a data set by its views.

    ===================  ===========================================================================================
    sequence, backbone   length, shares of residue types and classes, net charge, radius of gyration, conformations
    SMILES, SELFIES      functional groups, rings, scaffold, elements, charge, rotatable bonds, stereocentres; with
                         atoms that are not periodic also the radius of gyration, spin and forces
    periodic atoms       elements and their classes, symmetry, volume per atom, coordination, vacuum, forces, pressure
    other atoms          elements, number of atoms, charge, spin, coordination, radius of gyration, forces
    ===================  ===========================================================================================

    Samples of all kinds also have the distance of their composition from the mean of the data set. How a descriptor is
    computed is in its ``method``. A property that no sample has is not listed.

    Args:
        dataset: the samples.
        training: samples of the data that models were trained on, to whose compositions the distance is given as well.

    Raises:
        ImportError: RDKit, ASE or spglib is not installed and a sample needs it.

    Cost: for each molecule about 2 ms, for each crystal about 6 ms per ten atoms.
    """
    table = Table(dataset.ids)
    with needed_for("describing samples"):
        mols = [find_molecule(sample) for sample in dataset]
        scaffolds = [scaffold(mol) if mol is not None else "" for mol in mols]
        common = Counter(filter(None, scaffolds))
        nouns = set()
        for row, (sample, mol) in enumerate(zip(dataset, mols, strict=True)):
            noun, facts = _facts(sample, mol)
            if not facts:
                table.leave_out(row, _why(sample))
                continue
            nouns.add(noun)
            table.fill(row, facts)
            table.fill(row, scaffold_facts(scaffolds[row], common, COMMON_SCAFFOLD))
        known = [_counts(sample, find_molecule(sample)) for sample in training]
    counts = [_counts(sample, mol) for sample, mol in zip(dataset, mols, strict=True)]
    for row, facts in enumerate(composition_facts(counts, elements="proteins" not in nouns, training=known)):
        table.fill(row, facts)
    return table.finish(nouns.pop() if len(nouns) == 1 else "samples")


def _facts(sample: Sample, mol: Any) -> tuple[str, list[Fact]]:
    """Return what a sample is, in the plural, and its descriptors; none if nothing is known of it."""
    if sample.sequence or sample.backbone is not None:
        return "proteins", list(protein_facts(sample.sequence, sample.backbone))
    atoms = sample.atoms if sample.atoms is not None and len(sample.atoms) else None
    if atoms is not None and atoms.pbc.any():
        return "crystals", [] if _is_flat(atoms) else list(crystal_facts(atoms))
    facts = [] if mol is None else list(molecule_facts(mol))
    if atoms is not None:
        facts += structure_facts(atoms, graph=mol is not None)
    return "molecules", facts


def _is_flat(atoms: Any) -> bool:
    """Return whether the cell vectors of the periodic directions are not independent of each other."""
    vectors = atoms.cell.array[atoms.pbc]
    return int(np.linalg.matrix_rank(vectors)) < len(vectors)


def _why(sample: Sample) -> str:
    """Return why nothing is known of a sample."""
    if sample.atoms is not None and len(sample.atoms):
        return FLAT
    return UNREADABLE if sample.smiles else EMPTY


def _counts(sample: Sample, mol: Any) -> Counter[str]:
    if sample.sequence:
        return Counter(sample.sequence)
    if sample.atoms is not None:
        return Counter(sample.atoms.get_chemical_symbols())
    return Counter() if mol is None else element_counts(mol)
