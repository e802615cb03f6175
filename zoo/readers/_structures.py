"""Reading of protein chains from coordinate files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError, MissingPackageError
from .._text import MAX_REASON, shorten, shorten_names
from ._amino_acids import FORCE_FIELD_NAMES, UNKNOWN, letter, narrow_names
from ._compressed import open_binary
from ._polymers import BOND, Protein, others, proteins

# Names of the atoms of a backbone. Force fields rename the O of the last residue.
BACKBONE = (("N",), ("CA",), ("C",), ("O", "OT1", "OC1", "O1", "OXT"))
FIRST_MODEL = "first of several models"
OTHERS = "left out, because it is not protein"
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
    """

    name: str
    number: int
    sequence: str
    residues: Sequence[Residue]
    backbone: np.ndarray | None
    remarks: Mapping[str, str] = field(default_factory=dict)


def read_chains(path: Path) -> Iterator[Chain]:
    """Read the protein chains in the first model of a PDB or mmCIF file.

    For atoms with alternate locations, the first one is used.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: unreadable file, or a file without protein chains; the message says what is in it.
    """
    structure = _read(path)
    # Entities of PDB files have the name of their chain, those of mmCIF files list their subchains.
    seqres = {name: e.full_sequence for e in structure.entities for name in e.subchains or [e.name]}
    model = structure[0] if len(structure) else ()
    chains = proteins(model)
    rest = others(model, chains)
    if not chains:
        raise InputError(f"{path} has no protein chain: {rest or 'it has no atoms'}")
    remarks = {OTHERS: rest} if rest else {}
    if len(structure) > 1:
        remarks[FIRST_MODEL] = f"{len(structure)} models"
    for protein in chains:
        names = seqres.get(protein.residues[0].subchain or protein.chain, [])
        yield _chain(protein, names, remarks)


def longest_segment(residues: Iterable[Residue], letters: str = "") -> Sequence[Residue]:
    """Return the longest run of residues with a complete backbone that are bonded to each other; the first of several.

    Args:
        residues: observed residues.
        letters: letters of the residues that may be part of the run; all if empty.
    """
    return max(_segments(residues, letters), key=len)


def _segments(residues: Iterable[Residue], letters: str = "") -> list[list[Residue]]:
    runs: list[list[Residue]] = [[]]
    for residue in residues:
        usable = residue.backbone is not None and (not letters or residue.letter in letters)
        if runs[-1] and not (usable and _bonded(runs[-1][-1], residue)):
            runs.append([])
        if usable:
            runs[-1].append(residue)
    return runs


def _bonded(first: Residue, second: Residue) -> bool:
    if first.backbone is None or second.backbone is None:
        return False
    return float(np.linalg.norm(second.backbone[0] - first.backbone[2])) < BOND


def _chain(protein: Protein, seqres: Sequence[str], remarks: Mapping[str, str]) -> Chain:
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
    segments = _segments(residues)
    segment = longest_segment(residues)
    breaks = len([run for run in segments if run]) - 1
    if sequence is observed and not expected and breaks > 0:
        notes[BREAKS] = f"{breaks} break{'s' if breaks > 1 else ''}"
    notes |= _letters(names)
    if not segment:
        atoms = {atom.name for r in protein.residues for atom in r}
        notes[ONLY_CA if atoms == {"CA"} else NO_BACKBONE] = ""
    elif len(segment) < len(sequence):
        notes[SEGMENT] = f"residues {segment[0].name} to {segment[-1].name}, {len(segment)} of {len(sequence)}"
    backbone = np.array([residue.backbone for residue in segment]) if segment else None
    return Chain(protein.name, protein.number, sequence, residues, backbone, notes)


def _without_caps(seqres: Sequence[str], residues: Sequence[Any]) -> list[str]:
    """Return the amino acids of SEQRES; of several residues at a position (microheterogeneity), the first.

    Residues that gemmi knows as other than amino acids, such as ACE, are left out; of unknown ones, those at the ends
    that were not observed as amino acids.
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


def _read(path: Path) -> Any:
    """Read a structure of gemmi from a PDB or mmCIF file, which are told apart by their content."""
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: pip install 'hyle[zoo]'") from error
    with open_binary(path) as stream:
        # Other characters are in comments and names of authors. gemmi counts the bytes of a line.
        text = stream.read().decode("ascii", "replace").replace("\ufffd", "?")
    try:
        if re.search(r"^data_", text, re.MULTILINE | re.IGNORECASE) is None:
            return _parse_pdb(narrow_names(text))
        document = gemmi.cif.read_string(text)
        blocks = [block for block in document if block.find_values("_atom_site.Cartn_x")]
        structure = gemmi.make_structure_from_block(blocks[0]) if blocks else gemmi.Structure()
        structure.merge_chain_parts()
        return structure
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: not readable as a structure: {shorten(error, MAX_REASON)}") from error


def _parse_pdb(text: str) -> Any:
    import gemmi

    try:
        return gemmi.read_pdb_string(text, split_chain_on_ter=True)
    except RuntimeError as error:
        if "charge" not in str(error):
            raise
        # Before 1996, the code of the entry and the line number were in the columns of the charge.
        return gemmi.read_pdb_string(text, max_line_length=72, split_chain_on_ter=True)
