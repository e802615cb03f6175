"""Samples that have broken batches before, and the check that no row depends on its batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import ase
import ase.build
import numpy as np

from hyle.zoo import Model, Sample, load_dataset

from .peptides import peptide, peptides

# Of the norm of a row, and eV per atom.
ROWS, ENERGIES = 1e-4, 1e-4

STRINGS = [
    "C",
    "O",
    "C" * 90,
    "c1ccc2[nH]ccc2c1",
    "[Na+].[Cl-]",
    "CC[O-]",
    "C[N+](C)(C)C",
    "[CH3]",
    "C[C@H](N)C(=O)O",
    "F/C=C/F",
    "[2H]O[2H]",
    "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
    "N->[Pt]",
    "[He]",
    "OC1CC2OC12C=O",
    "C%12CCCCC%12",
]
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
SEQUENCES = ["G", "GG", "MKTAYIAKQR", "MKUOBZX", "XXXXX", LETTERS, LETTERS * 12, "M" * 70]


def alkane() -> ase.Atoms:
    """Return a zigzag chain of 33 carbon atoms, with their hydrogens: 101 atoms."""
    symbols, positions = [], []
    for i in range(33):
        side = 1 if i % 2 else -1
        centre = np.array([1.26 * i, 0.44 * side, 0.0])
        around = [[0, 0.63 * side, z] for z in (0.89, -0.89)]
        around += [[-0.89, -0.63 * side, 0]] * (i == 0) + [[0.89, -0.63 * side, 0]] * (i == 32)
        symbols += ["C"] + ["H"] * len(around)
        positions += [centre, *(centre + step for step in around)]
    return ase.Atoms(symbols, positions)


def boxed(atoms: ase.Atoms, vacuum: float) -> ase.Atoms:
    atoms.center(vacuum=vacuum)
    atoms.pbc = True
    return atoms


def ion(atoms: ase.Atoms, charge: int, spin: int = 1) -> ase.Atoms:
    atoms.info |= {"charge": charge, "spin": spin}
    return atoms


@functools.cache
def structures() -> list[Sample]:
    """Return crystals without angles or neighbours, slabs, lone atoms, ions, radicals and large molecules."""
    build = ase.build
    cells = [build.bulk("Si"), build.bulk("NaCl", "rocksalt", a=5.64), build.bulk("Cu", "fcc", a=2.9, cubic=True)]
    cells += [build.bulk("Y", "hcp", a=3.65, c=5.73), build.bulk("CsI", "cesiumchloride", a=4.57)]
    cells += [build.bulk("Ne", "sc", a=5.9), build.bulk("Ne", "fcc", a=24.0)]
    cells[2].rattle(0.05, seed=0)
    both = [build.molecule("CH3CH2OH"), build.molecule("CH3CH2OH")]
    both[1].positions += 30.0
    molecules = [build.molecule(name) for name in ("H2O", "CH3", "C6H6", "H", "O2", "H2", "CH3NO2", "C4H4S")]
    molecules += [ase.Atoms("He"), both[0] + both[1], alkane(), ion(build.molecule("OH"), -1)]
    molecules += [ion(build.molecule("NH3"), 1, 2)]
    slabs = [build.fcc111("Cu", (2, 2, 3), vacuum=8.0), boxed(build.molecule("CH3CH2OH"), 6.0)]
    slabs[0].pbc = True, True, False
    samples = [Sample(str(i), atoms=atoms) for i, atoms in enumerate([*cells, *slabs, *molecules])]
    heavy = sorted(load_dataset("exotic"), key=lambda sample: max(sample.atoms.numbers))[::33]
    return [*samples, *heavy]


@functools.cache
def hard(view: str) -> list[Sample]:
    """Return the samples for models with this view."""
    if view == "sequence":
        return [Sample(str(i), sequence=sequence) for i, sequence in enumerate(SEQUENCES)]
    if view == "backbone":
        chains = sorted(load_dataset("proteins"), key=lambda sample: len(sample.backbone))
        whole = [Sample(chain.id, backbone=chain.backbone) for chain in (*chains[:2], chains[60])]
        parts = [Sample(f"first {n}", backbone=chains[1].backbone[:n]) for n in (1, 2, 21, 22, 29)]
        return [*whole, *parts]
    if view == "protein_atoms":
        return [*peptides(), peptide("G"), peptide("W"), peptide("ACDEFGHIKLMNPQRSTVWY")]
    strings = [Sample(f"s{i}", smiles=smiles) for i, smiles in enumerate(STRINGS)]
    return strings if view == "smiles" else structures()


def close(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Return the relative difference of each row; that of a row of zeros is absolute."""
    norm = np.linalg.norm(want, axis=1)
    return np.linalg.norm(got - want, axis=1) / np.where(norm > 0, norm, 1)


def assert_independent(model: Model, samples: Sequence[Sample], layer: str | None = None) -> None:
    """Check that rows and energies of samples alone, all in one batch, and in batches of five are the same."""
    alone = model.run(samples, layer=layer, batch_size=1)
    mixed = model.run(samples, layer=layer, batch_size=len(samples))
    pairs = model.run(samples[::-1], layer=layer, batch_size=5)
    assert len(alone.ids) >= 3
    for other in (mixed, pairs):
        assert other.dropped == alone.dropped
        order = [other.ids.index(id_) for id_ in alone.ids]
        rows, want = np.asarray(other.embedding)[order], np.asarray(alone.embedding)
        assert np.isfinite(want).all()
        far = close(rows, want)
        assert far.max() <= ROWS, {alone.ids[i]: far[i] for i in np.flatnonzero(far > ROWS)}
        if alone.energies is not None:
            assert other.energies is not None
            sizes = {sample.id: len(sample.atoms) for sample in samples if sample.atoms is not None}
            gaps = abs(other.energies[order] - alone.energies) / [sizes[id_] for id_ in alone.ids]
            assert gaps.max() <= ENERGIES, {alone.ids[i]: gaps[i] for i in np.flatnonzero(gaps > ENERGIES)}
