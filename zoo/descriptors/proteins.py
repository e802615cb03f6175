"""Descriptors of proteins: what a sequence consists of, and the size and fold of a backbone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .descriptor import Fact, Property, has, many, share, size

AMINO_ACIDS = {
    "A": "alanine",
    "R": "arginine",
    "N": "asparagine",
    "D": "aspartate",
    "C": "cysteine",
    "Q": "glutamine",
    "E": "glutamate",
    "G": "glycine",
    "H": "histidine",
    "I": "isoleucine",
    "L": "leucine",
    "K": "lysine",
    "M": "methionine",
    "F": "phenylalanine",
    "P": "proline",
    "S": "serine",
    "T": "threonine",
    "W": "tryptophan",
    "Y": "tyrosine",
    "V": "valine",
}
# Hydrophobic: hydropathy above 0 on the scale of Kyte & Doolittle (1982), DOI 10.1016/0022-2836(82)90515-0.
CLASSES = {"charged": "DEKR", "hydrophobic": "ACFILMV", "aromatic": "FWY", "polar uncharged": "STNQ", "acidic": "DE"}
_SHARES = {
    letter: share(f"share of {name}", "residues of this type by the length of the sequence")
    for letter, name in AMINO_ACIDS.items()
}
_CLASS_SHARES = {
    letters: share(f"share of {name} residues", f"{', '.join(letters)} by the length of the sequence")
    for name, letters in CLASSES.items()
}
LENGTH = Property("length", "that are longer", "that are shorter", "residues in the sequence", "residues")
NET_CHARGE = size("net charge per residue", "(K + R - D - E) by the length of the sequence", "e")
ENTROPY = Property(
    "sequence entropy",
    "with a more even composition",
    "with a more uneven composition",
    "Shannon entropy of the shares of the residue types",
    "bits",
)
UNKNOWN = has("unknown or rare residues", "a letter other than those of the twenty amino acids")
GYRATION = size(
    "radius of gyration",
    "root mean square distance of the CA atoms of the backbone from their mean",
    "Å",
    high="larger",
    low="smaller",
)
COMPACT = Property(
    "relative radius of gyration",
    "that are less compact",
    "that are more compact",
    "radius of gyration by 2.2 N^0.38 Å, that of a globular protein of N residues; Skolnick et al. (1997), "
    "DOI 10.1006/jmbi.1996.0720",
)
METHOD_FOLD = (
    "residues within {} of phi = {}, psi = {} in the Ramachandran plot; regions after Hollingsworth & Karplus "
)
METHOD_FOLD += "(2010), DOI 10.1515/bmc.2010.022"
HELIX = share("share of residues in helical conformation", METHOD_FOLD.format("30°", "-63°", "-43°"))
STRAND = share("share of residues in extended conformation", METHOD_FOLD.format("45°", "-120°", "135°"))
MISSING = many("residues without coordinates", "length of the sequence minus that of the backbone")


def protein_facts(sequence: str | None, backbone: np.ndarray | None) -> Iterator[Fact]:
    """Yield the descriptors of a sequence of at least one residue, a backbone [r, 4, 3] in Å, or both."""
    if sequence:
        n = len(sequence)
        yield LENGTH, n
        counts = np.array([sequence.count(letter) for letter in AMINO_ACIDS], np.float64)
        for prop, count in zip(_SHARES.values(), counts, strict=True):
            yield prop, count / n
        for letters, prop in _CLASS_SHARES.items():
            yield prop, sum(sequence.count(letter) for letter in letters) / n
        yield NET_CHARGE, (sum(map(sequence.count, "KR")) - sum(map(sequence.count, "DE"))) / n
        yield UNKNOWN, counts.sum() < n
        shares = counts[counts > 0] / counts.sum()
        yield ENTROPY, float(-(shares * np.log2(shares)).sum())
    if backbone is not None and len(backbone):
        if not sequence:
            yield LENGTH, len(backbone)
        else:
            yield MISSING, max(len(sequence) - len(backbone), 0)
        carbons = np.asarray(backbone, np.float64)[:, 1]
        gyration = float(np.sqrt(((carbons - carbons.mean(0)) ** 2).sum(1).mean()))
        yield GYRATION, gyration
        yield COMPACT, gyration / (2.2 * len(carbons) ** 0.38)
        if len(carbons) > 2:
            helix, strand = conformations(backbone)
            yield HELIX, float(helix.mean())
            yield STRAND, float(strand.mean())


def conformations(backbone: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which residues of a backbone [r, 4, 3] are in helical and which in extended conformation, bool [r] each.

    The first and the last residue, which have only one of both angles, are in neither.
    """
    n, ca, c = (np.asarray(backbone, np.float64)[:, i] for i in range(3))
    phi = _dihedral(c[:-2], n[1:-1], ca[1:-1], c[1:-1])
    psi = _dihedral(n[1:-1], ca[1:-1], c[1:-1], n[2:])
    found = []
    for near, centre in ((30, (-63, -43)), (45, (-120, 135))):
        inside = (_apart(phi, centre[0]) <= near) & (_apart(psi, centre[1]) <= near)
        found.append(np.concatenate([[False], inside, [False]]))
    return found[0], found[1]


def _dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Return the dihedral angles of four points [r, 3] each in degrees, with the sign of IUPAC."""
    first, axis, last = b - a, c - b, d - c
    normal, other = np.cross(first, axis), np.cross(axis, last)
    length = np.linalg.norm(axis, axis=1)
    return np.degrees(np.arctan2((first * other).sum(1) * length, (normal * other).sum(1)))


def _apart(angles: np.ndarray, centre: float) -> np.ndarray:
    return np.abs((angles - centre + 180) % 360 - 180)
