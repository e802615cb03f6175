"""The columns of a table: which one contains the samples, and the conversion of its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...base import InputError, shorten, shorten_names
from ..files import NUMBERS, Options, Row, need_rdkit, number
from ..molecules import check_column, read_smiles
from .sequences import checked_sequence, refuse_nucleotide_file, refuse_nucleotides

# Names by which a column is recognised if the user does not select one: in lower case, and words joined by _.
COLUMNS = {
    "smiles": ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "smiles_string", "can_smiles", "smile"),
    "selfies": ("selfies",),
    "sequence": (
        *("sequence", "seq", "sequences", "protein_sequence", "amino_acid_sequence", "aa_sequence", "aa_seq"),
        *("protein_seq", "primary", "primary_sequence"),
    ),
}
# Words in the names of further columns, such as "Ligand SMILES", and words in the names of columns about a sequence.
WORDS = {"smiles": "smiles", "selfies": "selfies", "sequence": "sequence", "seq": "sequence"}
ABOUT = frozenset(
    ("id", "ids", "index", "name", "length", "len", "size", "count", "number", "n", "num", "hash", "valid")
)
ID_COLUMNS = ("id", "ids")
MORE_ID_COLUMNS = ("identifier", "sample_id", "mol_id", "molecule_id", "compound_id", "protein_id")
DECIMAL_COMMA = "decimal commas are read as decimal points"
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_SELFIES = re.compile(r"(\[[^\[\]\s]+\]|\.)+")


class Plan:
    """The roles of the columns of a table.

    Args:
        path: the file, for messages.
        view: what the column of samples contains.
        column: the column of samples.
        id_column: the column of ids, or `NUMBERS`.
        options: options of the user.
        named: whether the columns have names in the file.
    """

    def __init__(
        self, path: Path, view: str, column: str, id_column: str, options: Options, named: bool = True
    ) -> None:
        self.path, self.view, self.column, self.id_column, self.options = path, view, column, id_column, options
        self.named = column if named else ""

    @classmethod
    def of(cls, path: Path, header: Sequence[str], options: Options, named: bool = True) -> Plan:
        """Find the columns.

        Raises:
            ValueError: missing, duplicated or ambiguous column; the message lists the columns.
            ImportError: canonical SMILES are requested and RDKit is not installed.
        """
        column = options.column or _find(path, header, options.view)
        view = options.view or _view(column)
        id_column = options.id_column or _find_ids(header)
        has = f"it has: {_shown(header)}"
        for name in (column, *options.labels, *([] if id_column == NUMBERS else [id_column])):
            if header.count(name) != 1:
                raise InputError(
                    f"{path}: {'two columns are' if name in header else 'no column is'} called {name!r}; {has}"
                )
        if not view:
            raise InputError(
                f"{path}: the content of column {column!r} is unknown: pass --view smiles, selfies or sequence"
            )
        if view == "smiles" and options.canonical:
            need_rdkit(path)
        return cls(path, view, column, id_column, options, named)

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns that are read."""
        return frozenset((self.column, self.id_column, *self.options.labels)) - {NUMBERS}

    def check(self, cells: Iterable[object]) -> None:
        """Check the first cells of the column, up to the one that shows what the column contains.

        Raises:
            ValueError: it contains nucleotides, and the view was not requested; or another notation than SMILES.
        """
        texts = (text for cell in cells if (text := as_text(cell)))
        if self.view == "smiles":
            check_column(str(self.path), self.named, texts)
        elif self.view == "sequence" and not self.options.view:
            refuse_nucleotide_file(f"column {self.column!r} of {self.path}", texts)

    def row(self, index: int, where: str, cells: Mapping[str, object], problem: str = "", commas: bool = False) -> Row:
        """Check a row and convert it.

        Args:
            index: number in the file, from 0.
            where: location in the file, for messages.
            cells: column -> cell.
            problem: why the row is not valid, if that is known already.
            commas: whether labels may have decimal commas.
        """
        id_, id_problem = self._id(cells.get(self.id_column))
        try:
            if problem or id_problem:
                raise InputError(problem or id_problem)
            text = as_text(cells.get(self.column))
            if not text:
                raise InputError(f"the cell of {shorten(self.column)} is empty")
            value, remarks = self._value(text)
            labels: dict[str, float] = {}
            for name in self.options.labels:
                cell = cells.get(name)
                if commas and isinstance(cell, str) and _COMMA.fullmatch(cell):
                    cell = cell.replace(",", ".")
                    remarks = {**remarks, DECIMAL_COMMA: ""}
                if (label := number(cell, name)) is not None:
                    labels[name] = label
            return Row(index, where, id_, {self.view: value}, labels, column=self.column, remarks=remarks)
        except ValueError as error:
            # A number may be the id of another row.
            id_ = f"{self.path.name} {where}" if id_problem else id_
            return Row(index, where, id_, problem=str(error), column=self.column)

    def _id(self, value: object) -> tuple[str, str]:
        """Return an id as text, integers in decimal digits, and why it is not valid."""
        if self.id_column == NUMBERS:
            return "", ""
        if value is not None and (not isinstance(value, (str, int)) or isinstance(value, bool)):
            return "", f"its id, {shorten(value)} in {shorten(self.id_column)}, is neither text nor an integer"
        text = as_text(value)
        return text, "" if text or not self.named else f"its id, in {shorten(self.id_column)}, is empty"

    def _value(self, text: str) -> tuple[str, dict[str, str]]:
        """Return the checked value of a cell, and remarks on it."""
        if self.view == "sequence":
            sequence = checked_sequence(text)
            if not self.options.view:
                refuse_nucleotides(sequence)
            return sequence, {}
        if self.view == "selfies":
            if not _SELFIES.fullmatch(text):
                raise InputError(f"it is not SELFIES, which are symbols in brackets: {shorten(text)!r}")
            return text, {}
        return read_smiles(text, self.options.canonical, self.named)


def as_text(value: object) -> str:
    """Return a cell as text; empty for a missing value."""
    return "" if value is None else str(value).strip()


def _find(path: Path, header: Sequence[str], view: str) -> str:
    recognised = [name for v, names in COLUMNS.items() if view in ("", v) for name in names]
    matches = [name for name in header if _normal(name) in recognised]
    if not matches:
        matches = [name for name in header if (kind := _view(name)) and view in ("", kind)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"{path}: choose one of the columns {_shown(matches)} with --column")
    usual = " or ".join(names[0] for v, names in COLUMNS.items() if view in ("", v))
    raise InputError(
        f"{path}: no column is called {usual}, and --column is not set; its header line has: {_shown(header)}"
    )


def _view(name: str) -> str:
    """Return what a column contains by its name; empty if the name does not show it."""
    normal = _normal(name)
    exact = next((view for view, names in COLUMNS.items() if normal in names), "")
    words = set(normal.split("_"))
    kinds = {WORDS[word] for word in words if word in WORDS}
    return exact or (kinds.pop() if len(kinds) == 1 and not words & ABOUT else "")


def _find_ids(header: Sequence[str]) -> str:
    for names in (ID_COLUMNS, MORE_ID_COLUMNS):
        matches = [name for name in header if _normal(name) in names]
        if matches:
            return matches[0]
    return NUMBERS


def _normal(name: str) -> str:
    """Return a name in lower case, with its words joined by _: ``canonical_smiles`` for CanonicalSMILES."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", words.lower()).strip("_")


def _shown(header: Iterable[str]) -> str:
    return shorten_names(name or "(no name)" for name in header)
