"""Molecular graphs with hydrogens, and the message passing of GraphSAGE, in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import molecule

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MolecularGraphs:
    """The atoms and bonds of a batch of molecules.

    Args:
        features: [atoms, f] in float32; the atoms of each molecule in RDKit's order, implicit hydrogens last.
        bonds: [bonds, 2], row numbers of `features`; each bond once.
        counts: number of atoms of each molecule.
    """

    features: torch.Tensor
    bonds: torch.Tensor
    counts: list[int]


def molecular_graphs(
    smiles: Sequence[str], atom_features: Callable[[Any], Sequence[float]], device: str
) -> MolecularGraphs:
    """Build the graphs of molecules, with `atom_features` of each RDKit atom as rows."""
    import torch
    from rdkit import Chem

    mols = [Chem.AddHs(molecule(each)) for each in smiles]
    counts = [mol.GetNumAtoms() for mol in mols]
    starts = np.cumsum([0, *counts[:-1]])
    ends = [
        (start + bond.GetBeginAtomIdx(), start + bond.GetEndAtomIdx())
        for start, mol in zip(starts, mols, strict=True)
        for bond in mol.GetBonds()
    ]
    rows = np.array([atom_features(atom) for mol in mols for atom in mol.GetAtoms()], np.float32)
    bonds = torch.tensor(ends, dtype=torch.long).reshape(-1, 2)
    return MolecularGraphs(torch.from_numpy(rows).to(device), bonds.to(device), counts)


def sage_step(h: torch.Tensor, bonds: torch.Tensor, own: Any, neighbours: Any) -> torch.Tensor:
    """Return ``relu(own(h_i) + neighbours(mean_{j in N(i)} h_j))`` for every atom i; the mean is 0 without neighbours.

    Source: Hamilton et al. (2017), arXiv 1706.02216.
    """
    import torch

    source, target = torch.cat([bonds, bonds.flip(1)]).T
    degree = torch.bincount(target, minlength=len(h)).clamp(min=1)[:, None]
    mean = torch.zeros_like(h).index_add_(0, target, h[source]) / degree
    return torch.relu(own(h) + neighbours(mean))
