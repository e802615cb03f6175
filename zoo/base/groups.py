"""Groups of samples that are not independent: states of one composition, conformers of one molecule, and so on."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

# Kind of group -> what its members have in common, for one group and for several.
GROUP_KINDS: Mapping[str, tuple[str, str]] = {
    "structure": ("molecular graph", "molecular graphs"),
    "sequence": ("sequence", "sequences"),
    "formula": ("formula", "formulas"),
    "composition": ("composition", "compositions"),
    "elements": ("set of elements", "sets of elements"),
    "scaffold": ("scaffold", "scaffolds"),
}
# Kind of group of atoms, residues and tokens -> likewise.
NODE_GROUP_KINDS: Mapping[str, tuple[str, str]] = {
    "sample": ("sample", "samples"),
    "element": ("element", "elements"),
    "residue": ("residue type", "residue types"),
    "token": ("token", "tokens"),
}
# What makes two samples states of one thing: the first of these that a data set has.
GROUP_STATES = ("structure", "sequence", "formula")


class Views(Protocol):
    """The views of a `hyle.zoo.Sample` by which samples are grouped."""

    @property
    def id(self) -> str:
        """The id."""

    @property
    def smiles(self) -> str | None:
        """The SMILES string."""

    @property
    def selfies(self) -> str | None:
        """The SELFIES string."""

    @property
    def sequence(self) -> str | None:
        """The sequence of amino acids."""

    @property
    def atoms(self) -> Any:
        """The ASE atoms."""


def group_samples(samples: Iterable[Views]) -> dict[str, dict[str, str]]:
    """Return the groups of samples, for each kind that applies to all of them.

    ============  ==========================================================================================
    structure     canonical SMILES of RDKit, with stereochemistry and isotopes, without atom maps
    sequence      the sequence of amino acids
    formula       the number of atoms of each element, of the cell or of the molecule with its hydrogens
    composition   the formula divided by the greatest common divisor of its numbers
    elements      which elements it has
    scaffold      Bemis-Murcko scaffold (DOI 10.1021/jm9602928); a molecule without rings forms its own group
    ============  ==========================================================================================

    Without RDKit, molecules that are only strings have no groups.

    Returns:
        kind -> sample id -> label. Labels longer than 40 characters are hashed.
    """
    samples = list(samples)
    molecules = _molecules(samples)
    found: dict[str, dict[str, str]] = {}
    for kind in GROUP_KINDS:
        labels = {sample.id: label for sample in samples if (label := _label(kind, sample, molecules.get(sample.id)))}
        if samples and len(labels) == len(samples):
            found[kind] = labels
    return found


def group_sizes(groups: Mapping[str, Mapping[str, str]] | Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the number of groups of each kind that has fewer groups than samples; samples share elements anyway."""
    labels = {kind: list(each.values() if isinstance(each, Mapping) else each) for kind, each in groups.items()}
    return {kind: len(set(each)) for kind, each in labels.items() if len(set(each)) < len(each) and kind != "elements"}


def describe_repeats(n: int, sizes: Mapping[str, int]) -> str:
    """Return how often things are repeated in n samples, such as ``1,069 samples of 214 formulas``; "" if never."""
    if not sizes:
        return ""
    kinds = {**GROUP_KINDS, **NODE_GROUP_KINDS}
    counts = [f"{count:,} {kinds[kind][count != 1]}" for kind, count in sizes.items()]
    return f"{n:,} samples of {', '.join(counts)}"


def _molecules(samples: Sequence[Views]) -> Mapping[str, Any]:
    """Return the RDKit molecules of the samples with SMILES or SELFIES."""
    if not any(sample.smiles or sample.selfies for sample in samples):
        return {}
    try:
        from .rdkit import molecule

        found = {}
        for sample in samples:
            smiles = sample.smiles or (_decoded(sample.selfies) if sample.selfies else None)
            mol = molecule(smiles) if smiles else None
            if mol is not None:
                for atom in mol.GetAtoms():
                    atom.SetAtomMapNum(0)
                found[sample.id] = mol
        return found
    except ImportError:  # neither RDKit nor the selfies package is needed to read strings as they are
        return {}


def _decoded(selfies: str) -> str | None:
    import selfies as library

    try:
        return str(library.decoder(selfies))
    except library.DecoderError:
        return None


def _label(kind: str, sample: Views, mol: Any) -> str:
    if kind == "sequence":
        return _short(sample.sequence or "")
    if kind in ("formula", "composition", "elements"):
        counts = _element_counts(sample, mol)
        if kind == "elements":
            return "-".join(sorted(counts))
        divisor = math.gcd(*counts.values()) if counts and kind == "composition" else 1
        return "".join(f"{element}{count // divisor}" for element, count in sorted(counts.items()))
    if mol is None:
        return ""
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    of: Callable[..., str] = Chem.MolToSmiles
    if kind == "structure":
        return _short(of(mol))
    return _short(of(MurckoScaffold.GetScaffoldForMol(mol)) or f"acyclic {of(mol)}")


def _element_counts(sample: Views, mol: Any) -> Mapping[str, int]:
    if sample.atoms is not None:
        return Counter(sample.atoms.get_chemical_symbols())
    if mol is None:
        return {}
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    counts["H"] += sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    return +counts


def _short(label: str) -> str:
    return label if len(label) <= 40 else hashlib.sha256(label.encode()).hexdigest()[:16]
