"""Selection of the features and ids among the columns of a table."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..base import InputError, shorten, shorten_names
from .content import ID_NAMES, Content, Selection, SelectionError, is_id_name, is_label_name, pick
from .named_arrays import is_embedding_name

TEXT, INTEGER, REAL, OTHER = "text", "integer", "real", "other"
LIST, INTEGERS = "list", "list of integers"
# What ids may be; a float was an integer once, or is no id.
ID_KINDS = (TEXT, INTEGER, REAL, OTHER)
# Names that pandas gives to its index where it writes one without a name.
INDEX_NAMES = ("", "Unnamed: 0", "index", "level_0", "__index_level_0__")

FROM_0 = " (row numbers from 0)"  # of the origin of ids
NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: its name; names need not be unique.
        kind: ``text``, ``integer``, ``real``, ``list`` (of numbers), ``list of integers`` or ``other``.
        is_index: whether the file says that it is the index of a data frame.
    """

    name: str
    kind: str
    is_index: bool = False


@dataclass(frozen=True)
class RangeIndex:
    """The numbers of the rows of a data frame.

    Args:
        name: name of the index; empty if it has none.
        start: the first number.
        step: their difference.
    """

    name: str
    start: int
    step: int

    @property
    def row_numbers(self) -> bool:
        """Whether it is no more than the places of the rows, from 0."""
        return not self.name and (self.start, self.step) == (0, 1)

    def values(self, n: int) -> list[str]:
        """Return the numbers of n rows as text."""
        return [str(self.start + self.step * i) for i in range(n)]


class Table(Protocol):
    """A table whose columns are read on request."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in the order of the file."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Provenance that is stored in the file."""

    @property
    def range_index(self) -> RangeIndex | None:
        """The numbers of the rows, if the file has such an index and no column with it."""

    def read(self, places: Sequence[int], *, texts: Sequence[int] = ()) -> Mapping[int, Any]:
        """Read columns by place: text as a list, numbers as an array [n], lists as an array [n, d].

        Args:
            places: the columns.
            texts: those among them that are read as text, whatever they contain.
        """


def choose_columns(table: Table, selection: Selection) -> Content:
    """Select and read the features and ids of a table.

    The features are the columns that the user names, else the only column of lists, else the columns whose names are
    one series (``f0`` to ``f63``). Anything else is left to the user. The ids are the column that the user names, else
    ``id`` or ``ids``, the index, a column with a usual name, or the only column of unique texts.

    Raises:
        ValueError: nothing or several columns qualify; names the option.
    """
    columns = table.columns
    ids, values, row_numbers = _ids(table, selection)
    energies = next(
        (i for i, column in enumerate(columns) if column.name == "energies" and column.kind in (INTEGER, REAL)), None
    )
    reserved = {place for place in (ids, energies) if place is not None}
    places, features_from = _features(columns, selection, reserved)
    read = table.read([*places, *([] if energies is None or energies in places else [energies])])
    lists = columns[places[0]].kind in (LIST, INTEGERS)
    embedding = read[places[0]] if lists else np.stack([read[i] for i in places], axis=1)
    used = {*places, ids, energies}
    left_out = [shorten(column.name) or "(no name)" for i, column in enumerate(columns) if i not in used]
    if ids is not None:
        ids_from = _id_source(columns[ids].name, row_numbers)
    elif index := table.range_index:
        row_numbers = index.row_numbers
        values, ids_from = index.values(len(embedding)), _id_source(index.name, row_numbers)
    else:
        ids_from = ""
    return Content(
        embedding,
        values,
        None if energies is None or energies in places else read[energies],
        table.recipe,
        features_from,
        ids_from,
        left_out,
        f"has no column with ids; it has: {_names(columns)}",
        row_numbers,
    )


def _id_source(name: str, row_numbers: bool) -> str:
    name = shorten(name) if name not in INDEX_NAMES else "the index"
    return f"{name}{FROM_0}" if row_numbers else name


def _features(columns: Sequence[Column], selection: Selection, reserved: set[int]) -> tuple[list[int], str]:
    names = [column.name for column in columns]
    if selection.columns:
        return _named(columns, selection.columns, reserved), selection.columns
    if selection.key:
        place = names.index(pick(selection.key, names, "--key", "column"))
        if columns[place].kind not in (LIST, INTEGERS):
            raise InputError(f"--key {shorten(selection.key)}: this column contains no lists: name it with --columns")
        return [place], names[place]
    numeric = [i for i in _numeric(columns, reserved) if columns[i].name not in INDEX_NAMES]
    series = _series(columns, numeric)
    lists = _list_columns(columns, reserved, bool(series))
    if lists:
        return lists, names[lists[0]]
    if len(series) == 1 and _is_plain(columns, series[0], numeric):
        _check_whole(columns, series[0])
        return series[0], _range(names, series[0])
    if not numeric:
        raise InputError(f"contains no columns of numbers; it has: {_names(columns)}")
    if series:
        shown = "; ".join(_range(names, each) for each in series[:4])
        found = f"contains numbered columns ({shown}) and others: {_names(columns, numeric)}"
    else:
        found = f"contains columns of numbers whose names are no series such as f0, f1, ...: {_names(columns, numeric)}"
    example = _range(names, max(series, key=len)) if len(series) > 1 else _range(names, numeric)
    if any(character in example for character in ",…'") or names.count(names[numeric[0]]) > 1:
        example = "*"
    raise InputError(f"{found}; name the features, for example --columns '{example}'")


def _numeric(columns: Sequence[Column], reserved: set[int]) -> list[int]:
    return [i for i, column in enumerate(columns) if column.kind in (INTEGER, REAL) and i not in reserved]


def _list_columns(columns: Sequence[Column], reserved: set[int], series: bool) -> list[int]:
    """Return the place of the only column of lists that can be meant; nothing if there are no such columns."""
    kinds = {LIST, INTEGERS}
    lists = [i for i, column in enumerate(columns) if column.kind in kinds and i not in reserved]
    usual = [i for i in lists if is_embedding_name(columns[i].name)]
    usual = [i for i in usual if columns[i].name == "embedding"] or usual
    if len(usual) == 1:
        return usual
    # Lists of integers are tokens or atomic numbers more often than features.
    plain = [i for i in lists if columns[i].kind == LIST and not is_label_name(columns[i].name)]
    if len(plain) == 1 and not usual and not series:
        return plain
    if lists and (plain or usual or not series):
        more = ", or the features with --columns" if series else ""
        raise InputError(f"contains lists: choose one of these columns with --key{more}: {_names(columns, lists)}")
    return []


def _is_plain(columns: Sequence[Column], series: Sequence[int], numeric: Sequence[int]) -> bool:
    """Return whether a series of columns cannot be anything but the features."""
    return 2 * len(series) > len(numeric) and not any(is_label_name(columns[i].name) for i in series)


def _series(columns: Sequence[Column], numeric: Sequence[int]) -> list[list[int]]:
    """Return the places of columns whose names are a prefix and the numbers from 0 or 1 on, ordered by number."""
    groups: dict[str, dict[int, int]] = {}
    for place in numeric:
        match = NUMBERED.fullmatch(columns[place].name)
        if match and columns[place].name not in INDEX_NAMES:
            groups.setdefault(match[1], {}).setdefault(int(match[2]), place)
    found = []
    for numbers in groups.values():
        ordered = sorted(numbers)
        if ordered[0] in (0, 1) and ordered == list(range(ordered[0], ordered[0] + len(ordered))):
            found.append([numbers[i] for i in ordered])
    # One column is a series only if there are no others, which might be meant as well.
    return [places for places in found if len(places) > 1 or len(numeric) == 1]


def _check_whole(columns: Sequence[Column], series: Sequence[int]) -> None:
    """Raise an error if a column of the same series does not contain numbers."""
    prefixes = {match[1] for i in series if (match := NUMBERED.fullmatch(columns[i].name))}
    for i, column in enumerate(columns):
        match = NUMBERED.fullmatch(column.name)
        if match and match[1] in prefixes and i not in series and column.kind not in (INTEGER, REAL):
            names = [each.name for each in columns]
            raise InputError(
                f"column {shorten(column.name)} contains {column.kind}, and not numbers as {_range(names, series)} do: "
                "name the features with --columns"
            )


def _named(columns: Sequence[Column], text: str, reserved: set[int]) -> list[int]:
    names = [column.name for column in columns]
    places: list[int] = []
    for part in [text] if text in names else [part.strip() for part in text.split(",") if part.strip()]:
        first, dots, last = part.partition("..")
        if part in names:
            places.append(names.index(part))
        elif dots:
            places += _between(columns, first, last, reserved)
        else:
            matches = [i for i in _numeric(columns, reserved) if fnmatch.fnmatchcase(names[i], part)]
            if not matches:
                pick(part, names, "--columns", "column of numbers")
            places += [i for i in matches if names[i] not in INDEX_NAMES] or matches
    if not places:
        raise SelectionError(f"--columns {shorten(text)}: these are no columns of numbers; it has: {_names(columns)}")
    wrong = [i for i in places if columns[i].kind not in (INTEGER, REAL)]
    if wrong:
        column = columns[wrong[0]]
        remedy = "select it with --key" if column.kind in (LIST, INTEGERS) else "leave it out of --columns"
        raise InputError(f"--columns: {shorten(column.name)} contains {column.kind}, not one number per row: {remedy}")
    return list(dict.fromkeys(places))


def _between(columns: Sequence[Column], first: str, last: str, reserved: set[int]) -> list[int]:
    """Return the columns of numbers of a range: by number if both names are of one series, else by their order."""
    names = [column.name for column in columns]
    numeric = _numeric(columns, reserved)
    a, b = NUMBERED.fullmatch(first), NUMBERED.fullmatch(last)
    if a and b and a[1] == b[1]:
        pick(first, names, "--columns", "column")
        pick(last, names, "--columns", "column")
        numbers = {int(m[2]): i for i in numeric if (m := NUMBERED.fullmatch(names[i])) and m[1] == a[1]}
        return [numbers[number] for number in sorted(numbers) if int(a[2]) <= number <= int(b[2])]
    start, end = (names.index(pick(name, names, "--columns", "column")) for name in (first, last))
    return [i for i in numeric if start <= i <= end]


def _ids(table: Table, selection: Selection) -> tuple[int | None, list[str] | None, bool]:
    """Return the place of the ids, the ids, and whether they are row numbers."""
    columns = table.columns
    names = [column.name for column in columns]
    if selection.id_column:
        place = names.index(pick(selection.id_column, names, "--id-column", "column"))
        return place, _texts(table, place), False
    for usual in ID_NAMES:
        match = [i for i, column in enumerate(columns) if column.name.lower() == usual and column.kind in ID_KINDS]
        if len(match) > 1:
            raise InputError(f"several columns may be the ids: choose with --id-column: {_names(columns, match)}")
        if match:
            return match[0], _texts(table, match[0]), False
    if table.range_index and is_id_name(table.range_index.name):
        return None, None, False
    index = [i for i, column in enumerate(columns) if column.is_index or column.name in INDEX_NAMES]
    texts = [i for i, column in enumerate(columns) if column.kind == TEXT]
    for place in index:
        if place in texts:
            return place, _texts(table, place), False
    usual_names = [
        i
        for i, column in enumerate(columns)
        if column.kind in (TEXT, INTEGER) and is_id_name(column.name) and column.name not in INDEX_NAMES
    ]
    for candidates in (usual_names, texts):
        unique = {i: values for i in candidates if len(set(values := _texts(table, i))) == len(values)}
        # Where ids have a name and a number, the text is what other files have.
        best = [i for i in unique if i in texts] or list(unique)
        if len(best) > 1:
            raise InputError(f"several columns may be the ids: choose with --id-column: {_names(columns, best)}")
        if best:
            return best[0], unique[best[0]], False
    for place in index:
        if columns[place].kind == INTEGER:
            values = _texts(table, place)
            if len(set(values)) == len(values):
                return place, values, values == [str(i) for i in range(len(values))]
    return None, None, False


def _texts(table: Table, place: int) -> list[str]:
    return list(table.read([place], texts=[place])[place])


def _range(names: Sequence[str], places: Sequence[int]) -> str:
    return f"{shorten(names[places[0]])}..{shorten(names[places[-1]])}" if len(places) > 1 else names[places[0]]


def _names(columns: Sequence[Column], places: Sequence[int] | None = None) -> str:
    chosen = range(len(columns)) if places is None else places
    return shorten_names((columns[i].name or "(no name)" for i in chosen), 12)
