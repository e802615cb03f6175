"""From the rows of an adapter to the atoms, residues or tokens that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..base import HyleError, Sample
from .atom_map import UNMATCHED, structure_numbers
from .nodes import Nodes
from .smiles_atoms import atom_spans

UNKNOWN_ROWS = "{model} does not say which {per}s its rows stand for"


class UnplacedError(HyleError, ValueError):
    """The rows of a sample do not stand for known nodes; the message is the reason."""


class Placed(Protocol):
    """What `place_rows` needs of an adapter; see `hyle.zoo.Adapter`."""

    @property
    def card(self) -> Any:
        """The card of the model."""

    def node_numbers(self, sample: Sample) -> Sequence[int] | None:
        """Return the atom or residue of each row."""

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]] | None:
        """Return the characters of each row."""


@dataclass(frozen=True)
class Placement:
    """The nodes of one sample and the rows that belong to each.

    Args:
        numbers: number of each node.
        labels: label of each node.
        rows: the rows of each node, of which the mean is taken; at least one.
    """

    numbers: Sequence[int]
    labels: Sequence[str]
    rows: Sequence[Sequence[int]]


def place_rows(adapter: Placed, sample: Sample, per: str, count: int) -> Placement:
    """Return the nodes of a sample and which of the rows that an adapter returned belong to each.

    Args:
        adapter: the adapter.
        sample: the sample.
        per: ``atom``, ``residue`` or ``token``.
        count: number of rows that the adapter returned for it.

    Raises:
        UnplacedError: the rows stand for something else, or the sample has no such nodes.
    """
    if per == "token":
        return _tokens(adapter, sample, count)
    view = adapter.card.view
    if per == "atom" and view in ("smiles", "selfies", "atoms"):
        placed = _atoms(adapter, sample, count)
    elif per == "residue" and view in ("sequence", "backbone", "protein_atoms"):
        placed = _residues(adapter, sample, count)
    else:
        raise UnplacedError(f"{adapter.card.name} reads {view}, which has no {per}s")
    if not placed.numbers:
        raise UnplacedError(f"no {per} has a row")
    return placed


def _atoms(adapter: Placed, sample: Sample, count: int) -> Placement:
    numbers = adapter.node_numbers(sample)
    if numbers is None and adapter.card.view == "smiles":
        rows = _rows_by_span(adapter, sample, count)
    else:
        rows = _rows_by_number(adapter, numbers, count, "atom")
    if adapter.card.view == "atoms":
        symbols = sample.atoms.get_chemical_symbols() if sample.atoms is not None else []
        return _placement(rows, symbols)
    symbols = _symbols(sample.smiles or "")
    if sample.atoms is None:
        return _placement(rows, symbols)
    place = structure_numbers(sample)
    if place is None:
        raise UnplacedError(UNMATCHED)
    of_structure = {place[number]: mine for number, mine in rows.items()}
    return _placement(of_structure, sample.atoms.get_chemical_symbols())


def _residues(adapter: Placed, sample: Sample, count: int) -> Placement:
    rows = _rows_by_number(adapter, adapter.node_numbers(sample), count, "residue")
    if adapter.card.view != "sequence":
        first = sample.first_residue_number
        if first is None:
            raise UnplacedError("it is unknown where in the sequence the backbone begins")
        rows = {first + number: mine for number, mine in rows.items()}
    letters = sample.sequence or "X" * (1 + max(rows, default=-1))
    return _placement(rows, letters)


def _tokens(adapter: Placed, sample: Sample, count: int) -> Placement:
    spans, view = adapter.token_spans(sample), getattr(sample, adapter.card.view, None)
    if spans is None or not isinstance(view, str):
        labels = [""] * count
    else:
        _check_count(adapter, len(spans), count, "token")
        labels = [view[first:end] for first, end in spans]
    return Placement(range(count), labels, [(row,) for row in range(count)])


def _rows_by_number(adapter: Placed, numbers: Sequence[int] | None, count: int, per: str) -> dict[int, list[int]]:
    """Return number -> rows, without the rows that stand for nothing."""
    if numbers is None:
        raise UnplacedError(UNKNOWN_ROWS.format(model=adapter.card.name, per=per))
    _check_count(adapter, len(numbers), count, per)
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(numbers):
        if number >= 0:
            rows.setdefault(number, []).append(row)
    return rows


def _rows_by_span(adapter: Placed, sample: Sample, count: int) -> dict[int, list[int]]:
    """Return atom -> the tokens that its characters are in."""
    spans, atoms = adapter.token_spans(sample), atom_spans(sample.smiles or "")
    if spans is None:
        raise UnplacedError(UNKNOWN_ROWS.format(model=adapter.card.name, per="atom"))
    if atoms is None:
        raise UnplacedError("RDKit reads other atoms than its SMILES string spells out")
    _check_count(adapter, len(spans), count, "token")
    rows = {
        atom: [row for row, (start, stop) in enumerate(spans) if start < end and first < stop]
        for atom, (first, end) in enumerate(atoms)
    }
    return {atom: mine for atom, mine in rows.items() if mine}


def _placement(rows: dict[int, list[int]], labels: Sequence[str] | str) -> Placement:
    numbers = sorted(rows)
    if numbers and numbers[-1] >= len(labels):
        raise UnplacedError(f"a row is that of number {numbers[-1]}, and there are only {len(labels)}")
    return Placement(numbers, [labels[number] for number in numbers], [rows[number] for number in numbers])


def _symbols(smiles: str) -> list[str]:
    from ..base import molecule

    return [atom.GetSymbol() for atom in molecule(smiles).GetAtoms()]


def _check_count(adapter: Placed, expected: int, count: int, per: str) -> None:
    if expected != count:
        raise UnplacedError(f"{adapter.card.name} returned {count} rows for {expected} {per}s")


def rows_of_nodes(features: Any, starts: Sequence[int], placements: Iterable[Placement]) -> tuple[Any, Nodes]:
    """Return one row for each node: the mean of the rows that belong to it, in float64 where there are several.

    Args:
        features: torch tensor or array [rows, d] of a batch.
        starts: the first row of each sample.
        placements: of each sample.

    Returns:
        [nodes, d], of the dtype and on the device of the features; and the nodes.
    """
    counts, numbers, labels = list[int](), list[int](), list[str]()
    first, several = list[int](), dict[int, list[int]]()
    for start, placed in zip(starts, placements, strict=True):
        for mine in placed.rows:
            if len(mine) > 1:
                several[len(first)] = [start + row for row in mine]
            first.append(start + mine[0])
        counts.append(len(placed.numbers))
        numbers += placed.numbers
        labels += placed.labels
    rows = features[first]
    for node, mine in several.items():
        total = features[mine]
        mean = total.double().mean(0) if hasattr(total, "double") else total.mean(0, dtype="float64")
        rows[node] = mean.to(rows.dtype) if hasattr(mean, "to") else mean.astype(rows.dtype)
    return rows, Nodes(counts, numbers, labels)
