"""What a sample is, in a few words: its SMILES, formula or sequence."""

from __future__ import annotations

from collections import Counter

from ..base import Sample, molecule, shorten


def describe_sample(sample: Sample, width: int = 60) -> str:
    """Return the SMILES of a molecule, the formula of a structure, or the beginning of a sequence or text.

    Args:
        sample: with at least one view.
        width: the most characters of a SMILES, sequence or text.
    """
    if sample.smiles:
        return shorten(sample.smiles, width)
    if sample.atoms is not None:
        return formula(sample)
    if sample.sequence:
        return f"{shorten(sample.sequence, 12)} ({len(sample.sequence)} residues)"
    if sample.backbone is not None:
        return f"protein of {len(sample.backbone)} residues"
    if sample.protein_atoms is not None:
        return f"protein of {len(sample.protein_atoms.sequence)} residues"
    return shorten(sample.selfies or sample.text or "no view", width)


def formula(sample: Sample) -> str:
    """Return the formula of the atoms of a sample: of a molecule in Hill's order, of a crystal reduced.

    The number of atoms of the cell follows the formula of a crystal, such as ``NaCl, 8 atoms``.
    """
    atoms = sample.atoms
    assert atoms is not None
    if not len(atoms):
        return "no atoms"
    if not atoms.pbc.any():
        return str(atoms.get_chemical_formula("hill"))
    return f"{atoms.get_chemical_formula('metal', empirical=True)}, {len(atoms)} atoms"


def frequent_element(sample: Sample) -> str | None:
    """Return the most frequent element of a sample other than hydrogen and carbon.

    Of equally frequent elements, the one with the highest atomic number is returned; carbon, or else hydrogen, if the
    sample has no other; None if the elements are unknown.
    """
    numbers = _atomic_numbers(sample)
    if not numbers:
        return None
    from ase.data import chemical_symbols

    counts = Counter(numbers)
    others = {number: count for number, count in counts.items() if number not in (1, 6)}
    best = max(others, key=lambda number: (others[number], number)) if others else max(counts)
    return str(chemical_symbols[best])


def _atomic_numbers(sample: Sample) -> list[int]:
    if sample.atoms is not None:
        return [int(number) for number in sample.atoms.numbers]
    mol = molecule(sample.smiles) if sample.smiles else None
    return [] if mol is None else [atom.GetAtomicNum() for atom in mol.GetAtoms()]
