"""SMILES in files: what else is found in their place, and conversion to canonical SMILES."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ...base import UNREADABLE, InputError, shorten
from .rdkit_errors import attempt

LONGEST = 10_000  # characters; RDKit takes seconds for more, and the time grows with the square
PEEK = 20  # cells that show what a column contains
MISSING = ("nan", "none", "null", "na", "n/a", "<na>", "-")
MAPS = "atom map numbers were removed"
EXTENSIONS = "CXSMILES extensions were removed"
TRAILING = "text after the SMILES was removed"
INCHI = "converted from InChI by RDKit"

# A SMILES string, and an extension between bars or other text after it.
EXTENDED = re.compile(r"(?P<smiles>\S+)(?:\s+(?P<extension>\|[^|]*\|))?(?:\s+(?P<rest>\S.*))?", re.DOTALL)
_ARROW = re.compile(r"(?<!-)>")  # -> is a dative bond
_KEY = re.compile(r"(InChIKey=)?[A-Z]{14}-[A-Z]{10}-[A-Z]")
_TOKENS = re.compile(r"(\[[^\[\]\s]+\]|\.)+")
# Tokens of SELFIES that are no atoms of SMILES. [C] is one, but a carbon without hydrogen is none in a real molecule.
_SELFIES = re.compile(r"\[([=#/\\-][A-Z0-9].*|[=#/\\-]?(Branch|Ring|Expl)\S*|C|nop|epsilon)\]")
_GROUP = re.compile(r"\[(\d*R\d*|R#|X\d?|Y\d|Z\d?)(:\d+)?\]")
# In brackets: logical operators, atomic numbers, recursion, and primitives such as D2, X4, r5; outside: ~ and !.
_SMARTS = re.compile(r"\[[^\[\]]*([,;&!]|#\d|\$\(|[DXvxr]\d|R\d|\bR\b)[^\[\]]*\]|\[[^\]]*\$\(|[~!]")
_KINDS = {
    "a reaction": "a row must contain one molecule",
    "an InChIKey": "it is a hash, from which no structure follows: look up its SMILES",
    "SELFIES": "read them with {option}--view selfies",
    "a SMARTS pattern": "a pattern is not a molecule",
    "an R group": "replace it by atoms",
}


def foreign(text: str) -> str:
    """Return what a text is if it is not SMILES: a reaction, InChI, SELFIES, ...; empty if it may be SMILES."""
    if text.startswith("InChI="):
        return "InChI"
    if len(_ARROW.findall(text)) == 2:
        return "a reaction"
    if _KEY.fullmatch(text):
        return "an InChIKey"
    tokens = re.findall(r"\[[^\[\]]+\]", text) if _TOKENS.fullmatch(text) else []
    if len(tokens) > 1 and any(_SELFIES.fullmatch(token) for token in tokens):
        return "SELFIES"
    if _GROUP.search(text):
        return "an R group"
    if _SMARTS.search(text):
        return "a SMARTS pattern"
    return ""


def check_column(name: str, column: str, cells: Iterable[str]) -> None:
    """Raise InputError if the first cells of a column of SMILES all contain the same other notation.

    Args:
        name: file, for the message.
        column: column, for the message; empty if the file has none.
        cells: cells of the column.
    """
    kinds = {foreign(cell) for cell in islice((cell for cell in cells if cell), PEEK)}
    if len(kinds) == 1 and (kind := kinds.pop()) in _KINDS:
        where = f"column {column!r} of {name}" if column else name
        raise InputError(f"{where} does not contain SMILES: each of its first cells is {_explained(kind, column)}")


def read_smiles(text: str, canonical: bool = True, column: str = "") -> tuple[str, dict[str, str]]:
    """Check a cell and convert it to SMILES.

    Args:
        text: the cell, not empty.
        canonical: return the canonical form of RDKit; otherwise the text as written.
        column: column, for messages.

    Returns:
        The SMILES, and remarks on what was changed.

    Raises:
        ValueError: not the SMILES of a molecule; the message says what it is, or why RDKit cannot read it.
    """
    if len(text) > LONGEST:
        raise InputError(f"it has {len(text)} characters, and SMILES of at most {LONGEST} are read")
    kind = foreign(text)
    if kind == "InChI":
        if not canonical:
            raise InputError("it is InChI, which is converted to SMILES only without --as-written")
        return _from_inchi(text)
    if kind:
        raise InputError(f"it is {_explained(kind, column)}: {shorten(text)!r}")
    if not (text.isascii() and text.isprintable()):
        odd = next(c for c in text if not (c.isascii() and c.isprintable()))
        raise InputError(f"it contains the character {odd!r}, which SMILES do not have")
    match = EXTENDED.fullmatch(text)
    smiles, extension, rest = match.group("smiles", "extension", "rest") if match else (text, None, None)
    if "*" in smiles:
        raise InputError(f"it has dummy atoms (*), which are no atoms: {shorten(text)!r}")
    if not canonical:
        return text, {}
    remarks = {EXTENSIONS: extension} if extension else {}
    remarks |= {TRAILING: rest} if rest else {}
    result, maps = _canonical(smiles)
    return result, remarks | ({MAPS: smiles} if maps else {})


def _canonical(smiles: str) -> tuple[str, bool]:
    """Return the canonical SMILES, and whether atom map numbers were removed."""
    from rdkit import Chem

    mol, reason = attempt(lambda: Chem.MolFromSmiles(smiles))
    if mol is None:
        if smiles.lower() in MISSING:
            raise InputError(f"it is {smiles!r}, a missing value")
        raise InputError(f"{UNREADABLE} {smiles[:60]!r}{f': {reason}' if reason else ''}")
    if not mol.GetNumAtoms():
        raise InputError("the SMILES has no atoms")
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        raise InputError(f"it has dummy atoms, which are no atoms: {shorten(smiles)!r}")
    maps = [atom for atom in mol.GetAtoms() if atom.GetAtomMapNum()]
    for atom in maps:
        atom.SetAtomMapNum(0)
    return str(Chem.MolToSmiles(mol)), bool(maps)


def _from_inchi(text: str) -> tuple[str, dict[str, str]]:
    from rdkit import Chem

    mol, reason = attempt(lambda: Chem.MolFromInchi(text))
    if mol is None or not mol.GetNumAtoms():
        raise InputError(f"RDKit cannot read the InChI {shorten(text)!r}{f': {reason}' if reason else ''}")
    return str(Chem.MolToSmiles(mol)), {INCHI: text}


def _explained(kind: str, column: str) -> str:
    return f"{kind} ({_KINDS[kind].format(option=f'--column {shorten(column)} ' if column else '')})"
