"""Molecules as a core with one substituent, in every way that cutting one bond gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import MissingPackageError
from .missing import install_command
from .rdkit import molecule
from .samples import Sample

# Heavy atoms: the most of a substituent, and the fewest of a core.
LARGEST_SUBSTITUENT, SMALLEST_CORE = 4, 3


def substituents(samples: Iterable[Sample]) -> dict[str, set[tuple[str, str]]]:
    """Cut every single bond outside of rings, to hydrogen too, and return what each molecule falls into.

    Molecules that share a core and differ in the substituent differ by one substitution at one place: matched molecular
    pairs of single cuts.

    Args:
        samples: those without SMILES, or with SMILES that RDKit cannot read, are left out.

    Returns:
        Sample id -> pairs of core and substituent as SMILES with stereochemistry, in which ``*`` is the other part.
            Substituents have at most four heavy atoms, cores at least three, and no part has another charge than the
            molecule gives it.

    Cost: 50 microseconds for each bond.
    Source: Hussain & Rea (2010), J. Chem. Inf. Model. 50, 339.

    Raises:
        MissingPackageError: RDKit is not installed.
    """
    try:
        from rdkit import Chem
        from rdkit.rdBase import BlockLogs
    except ImportError as error:
        raise MissingPackageError(f"substituents need RDKit: {install_command('rdkit')}") from error
    found = {}
    with BlockLogs():  # a hydrogen that is cut off is kept, and RDKit says so every time
        for sample in samples:
            mol = molecule(sample.smiles) if sample.smiles else None
            if mol is None:
                continue
            for atom in mol.GetAtoms():
                atom.SetAtomMapNum(0)
            found[sample.id] = _cuts(Chem, Chem.AddHs(mol))
    return found


def _cuts(chem: Any, mol: Any) -> set[tuple[str, str]]:
    pairs = set()
    for bond in mol.GetBonds():
        if bond.IsInRing() or bond.GetBondType() != chem.BondType.SINGLE:
            continue
        parts = chem.GetMolFrags(chem.FragmentOnBonds(mol, [bond.GetIdx()], dummyLabels=[(0, 0)]), asMols=True)
        if len(parts) != 2:  # a salt has more
            continue
        small, large = sorted(parts, key=lambda part: part.GetNumHeavyAtoms())
        # Hydrogen is no heavy atom, and the dummy atom of the other part is counted by RDKit as none.
        if small.GetNumHeavyAtoms() > LARGEST_SUBSTITUENT or large.GetNumHeavyAtoms() < SMALLEST_CORE:
            continue
        pairs.add((chem.MolToSmiles(chem.RemoveHs(large)), chem.MolToSmiles(chem.RemoveHs(small))))
        if small.GetNumHeavyAtoms() == large.GetNumHeavyAtoms():  # either part may be the core
            pairs.add((chem.MolToSmiles(chem.RemoveHs(small)), chem.MolToSmiles(chem.RemoveHs(large))))
    return pairs
