"""Reading of protein chains from coordinate files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...base import InputError, ProteinAtoms, shorten_names
from .all_atoms import all_atoms
from .amino_acids import FORCE_FIELD_NAMES, UNKNOWN, letter
from .entries import Entry, read_entries
from .polymers import BOND, Protein, broken, others, proteins

# Names of the atoms of a backbone. Force fields rename the O of the last residue.
BACKBONE = (("N",), ("CA",), ("C",), ("O", "OT1", "OC1", "O1", "OXT"))
FIRST_MODEL = "first of several models"
OTHERS = "not read, because it is not protein"
ENTRIES = "structures of the file that were not read"
SEGMENT = "the backbone is the longest unbroken segment of the chain"
NO_BACKBONE = "sequence only, no backbone: no residue has all of N, CA, C and O"
ONLY_CA = "sequence only, no backbone: the chain has only CA atoms"
MODIFIED = "modified residues have the letter of their parent amino acid"
FORCE_FIELD = "residue names of force fields are read as amino acids"
UNKNOWN_RESIDUES = f"residues without a letter are {UNKNOWN} in the sequence"
BREAKS = "no SEQRES: residues that were not observed are missing from the sequence"
MISMATCH = "the sequence is that of the observed residues, because SEQRES differs from them"


@dataclass(frozen=True)
class Residue:
    """An observed residue.

    Args:
        name: number and insertion code in the file.
        letter: letter of the amino acid, X if unknown.
        backbone: float64 [4, 3], N, CA, C and O in Angstrom; None if one is missing.
    """

    name: str
    letter: str
    backbone: np.ndarray | None


@dataclass(frozen=True)
class Chain:
    """A protein chain.

    Args:
        name: name of the chain in the file, or of its segment if it has none; may be empty.
        number: 1, or more for a further chain of the same name.
        sequence: one letter per residue of SEQRES, or else of the observed residues. A modified residue has the letter
            of its parent amino acid, an unknown one X.
        residues: the observed residues.
        backbone: float64 [residues, 4, 3], N, CA, C and O of the longest segment of the observed residues in which none
            is missing, in Angstrom; None if no residue has all of them.
        remarks: statement -> detail, on what was changed or is missing.
        entry: name of the structure in a file of several: a data block, or the number of a part; else empty.
        atoms: all atoms of the observed residues; None if they were not asked for, or there is no backbone.
        first: number in the sequence of the first residue of the backbone; None without one, or if its letters occur
            several times in the sequence.
    """

    name: str
    number: int
    sequence: str
    residues: Sequence[Residue]
    backbone: np.ndarray | None
    remarks: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    atoms: ProteinAtoms | None = None
    first: int | None = None


def read_chains(path: Path, *, atoms: bool = False) -> Iterator[Chain]:
    """Read the protein chains in the first model of each structure in a PDB or mmCIF file.

    For atoms with alternate locations, the first one is used.

    Args:
        path: the file.
        atoms: read all atoms of the chains, in addition to their backbones.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: unreadable file, or a file without protein chains; the message says what is in it.
    """
    entries = read_entries(path)
    members = [_members(entry) for entry in entries]
    lost = [f"{e.name} ({rest})" for e, (chains, rest) in zip(entries, members, strict=True) if not chains]
    if not any(chains for chains, _ in members):
        rest = members[0][1] if len(members) == 1 else shorten_names(lost, most=8)
        raise InputError(f"{path} has no protein chain: {rest or 'it has no atoms'}")
    remarks = {ENTRIES: shorten_names(lost, most=8)} if lost else {}
    for entry, (chains, rest) in zip(entries, members, strict=True):
        if not chains:
            continue
        remarks |= {OTHERS: rest} if rest else {}
        if entry.models > 1:
            remarks[FIRST_MODEL] = f"{entry.models} models"
        # Entities of PDB files have the name of their chain, those of mmCIF files list their subchains.
        seqres = {name: e.full_sequence for e in entry.structure.entities for name in e.subchains or [e.name]}
        for protein in chains:
            names = seqres.get(protein.residues[0].subchain or protein.chain, [])
            chain, segment = _chain(protein, names, remarks, entry.name if len(entries) > 1 else "")
            if atoms and segment:
                letters = "".join(residue.letter for residue in chain.residues)
                first = next(i for i, residue in enumerate(chain.residues) if residue is segment[0])
                found = all_atoms(protein.residues, letters, (first, first + len(segment)))
                chain = replace(chain, atoms=found)
            yield chain
        remarks = {}


def _members(entry: Entry) -> tuple[Sequence[Protein], str]:
    """Return the proteins in the first model of an entry, and what else is in it, or why it was not read."""
    if entry.structure is None:
        return (), entry.problem
    model = entry.structure[0] if len(entry.structure) else ()
    chains = proteins(model)
    return chains, others(model, chains)


def longest_segment(residues: Iterable[Residue], letters: str = "") -> Sequence[Residue]:
    """Return the longest run of residues with a complete backbone that are bonded to each other; the first of several.

    Args:
        residues: observed residues.
        letters: letters of the residues that may be part of the run; all if empty.
    """
    runs: list[list[Residue]] = [[]]
    for residue in residues:
        usable = residue.backbone is not None and (not letters or residue.letter in letters)
        if runs[-1] and not (usable and _bonded(runs[-1][-1], residue)):
            runs.append([])
        if usable:
            runs[-1].append(residue)
    return max(runs, key=len)


def _bonded(first: Residue, second: Residue) -> bool:
    if first.backbone is None or second.backbone is None:
        return False
    return float(np.linalg.norm(second.backbone[0] - first.backbone[2])) < BOND


def _chain(
    protein: Protein, seqres: Sequence[str], remarks: Mapping[str, str], entry: str
) -> tuple[Chain, Sequence[Residue]]:
    """Return a chain without its atoms, and the residues of its backbone."""
    residues = [Residue(str(r.seqid), (letter(r.name) or UNKNOWN).upper(), _backbone(r)) for r in protein.residues]
    observed = "".join(residue.letter for residue in residues)
    names, sequence = [r.name for r in protein.residues], observed
    notes = dict(remarks)
    expected = _without_caps(seqres, protein.residues)
    if expected:
        letters = "".join((letter(name) or UNKNOWN).upper() for name in expected)
        if _is_subsequence(observed, letters):
            names, sequence = expected, letters
        else:
            notes[MISMATCH] = f"SEQRES has {len(letters)} residues, {len(observed)} were observed"
    segment = longest_segment(residues)
    breaks = sum(broken(a, b) for a, b in pairwise(protein.residues))
    if sequence is observed and not expected and breaks > 0:
        notes[BREAKS] = f"{breaks} break{'s' if breaks > 1 else ''}"
    notes |= _letters(names)
    if not segment:
        atoms = {atom.name for r in protein.residues for atom in r}
        notes[ONLY_CA if atoms == {"CA"} else NO_BACKBONE] = ""
    elif len(segment) < len(sequence):
        notes[SEGMENT] = f"residues {segment[0].name} to {segment[-1].name}, {len(segment)} of {len(sequence)}"
    backbone = np.array([residue.backbone for residue in segment]) if segment else None
    first = _only_place("".join(residue.letter for residue in segment), sequence)
    return Chain(protein.name, protein.number, sequence, residues, backbone, notes, entry, first=first), segment


def _only_place(part: str, whole: str) -> int | None:
    """Return where the letters of a text are in another one; None if nowhere or at several places."""
    first = whole.find(part) if part else -1
    return None if first < 0 or whole.find(part, first + 1) >= 0 else first


def _without_caps(seqres: Sequence[str], residues: Sequence[Any]) -> list[str]:
    """Return the amino acids of SEQRES; of several residues at a position (microheterogeneity), the first.

    Residues that gemmi knows as other than amino acids, such as ACE, are excluded; of unknown residues, those at the
    ends that were not observed as amino acids.
    """
    names = [name.partition(",")[0] for name in seqres]
    names = [name for name in names if letter(name) != ""]
    amino_acids = {residue.name for residue in residues}
    for end in (0, -1):
        if names and letter(names[end]) is None and names[end] not in amino_acids:
            names.pop(end)
    return names


def _is_subsequence(part: str, whole: str) -> bool:
    """Return whether the letters of a text are in another one in the same order; X is any letter."""
    rest = iter(whole)
    return all(any(a == b or UNKNOWN in (a, b) for b in rest) for a in part)


def _letters(names: Iterable[str]) -> dict[str, str]:
    """Return remarks on residues that are not among the twenty amino acids."""
    notes: dict[str, list[str]] = {}
    for name, count in Counter(names).items():
        known = letter(name) or UNKNOWN
        if known.upper() == UNKNOWN:
            notes.setdefault(UNKNOWN_RESIDUES, []).append(f"{count} {name}")
        elif known.islower() or name in FORCE_FIELD_NAMES:
            statement = MODIFIED if known.islower() else FORCE_FIELD
            notes.setdefault(statement, []).append(f"{count} {name} as {known.upper()}")
    return {statement: shorten_names(details, most=8) for statement, details in notes.items()}


def _backbone(residue: Any) -> np.ndarray | None:
    """Return the backbone positions [4, 3], or None if an atom is missing or its position is not finite."""
    positions: dict[str, Any] = {}
    for atom in residue:
        positions.setdefault(atom.name, atom.pos)
    atoms = [next((positions[name] for name in names if name in positions), None) for names in BACKBONE]
    backbone = np.array([atom.tolist() for atom in atoms if atom is not None])
    return backbone if len(backbone) == len(BACKBONE) and np.isfinite(backbone).all() else None
