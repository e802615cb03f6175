"""Read the labels of samples, and find the embeddings behind a Comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import (
    Dataset,
    InputError,
    Key,
    Representation,
    Store,
    apply_id_rule,
    embeddings_name,
    read_embeddings,
)

if TYPE_CHECKING:
    import xarray as xr

LABEL = "label_"
# The fields that a recipe needs to identify a representation in the store.
_KEY_FIELDS = {"model", "weights", "dataset", "dataset_version", "layer", "pooling"}


def add_labels(comparison: xr.Dataset, data: Dataset) -> None:
    """Add ``label_NAME`` over ``sample`` for each label of the data set that is not constant; NaN if missing."""
    if "sample" not in comparison.coords:
        return
    labels = {sample.id: sample.labels for sample in data}
    ids = [str(name) for name in comparison["sample"].values]
    for name in dict.fromkeys(name for sample_labels in labels.values() for name in sample_labels):
        values = np.array([labels.get(i, {}).get(name, np.nan) for i in ids], np.float64)
        if np.isfinite(values).any() and np.nanmin(values) < np.nanmax(values):
            comparison[f"{LABEL}{name}"] = ("sample", values, {"units": data.units.get(name, "")})


def add_samples(comparison: xr.Dataset, representations: Sequence[Representation]) -> None:
    """Add the coordinate ``sample``: the sorted ids of the compared samples, which all representations have."""
    common = set.intersection(*(set(rep.ids) for rep in representations))
    comparison.coords["sample"] = ("sample", sorted(common))


def split_column(text: str) -> tuple[str, str]:
    """Split ``FILE[:COLUMN]`` into the path and the column, which is empty if there is none.

    Both may contain colons. The path is the longest part, up to a colon or the end, that exists. If none exists, the
    last colon ends the path, unless it is that of a drive (``C:\\labels.csv``) or an address (``s3://bucket/x.csv``).
    """
    for end in [len(text), *(at for at in range(len(text) - 1, 0, -1) if text[at] == ":")]:
        if Path(text[:end]).exists():
            return text[:end], text[end + 1 :]
    path, _, column = text.rpartition(":")
    return (path, column) if path and not column.startswith(("/", "\\")) else (text, "")


def find_column(text: str, *, what: str) -> tuple[str, dict[str, float]] | None:
    """Read the column that ``FILE[:COLUMN]`` names, see `read_column`; None if it names no file, but maybe a label.

    Args:
        text: as the user gave it.
        what: the option, for messages.

    Raises:
        InputError: there is no such .csv file; and as `read_column`.
    """
    file, column = split_column(text)
    if Path(file).is_file():
        return read_column(Path(file), column or None, what=what)
    if Path(file).suffix.lower() == ".csv":
        raise InputError(f"{what} {text}: there is no file {file}")
    return None


def read_column(path: Path, column: str | None, *, what: str) -> tuple[str, dict[str, float]]:
    """Read one number per sample from a .csv file with a header line, whose first column is the sample id.

    Args:
        path: the file.
        column: name of the column; by default the only one after the ids.
        what: the option that names the file, for messages.

    Returns:
        The name of the column, and id -> number; NaN where a cell is empty.

    Raises:
        ValueError: the file cannot be read, the column is missing or not numeric, or an id is duplicated.
    """
    table = read_table(path, what=what)
    columns = list(table)
    name = column or (columns[0] if len(columns) == 1 else None)
    if name is None or name not in table:
        problem = f"no column {column!r}" if column else "several columns, select one as FILE:COLUMN"
        raise InputError(f"{what} {path}: {problem}; it has {', '.join(columns)}")
    return name, table[name]


def read_table(path: Path, *, what: str) -> dict[str, dict[str, float]]:
    """Read a .csv file of numbers whose first column is the sample id.

    Args:
        path: the file, with a header line.
        what: the option that names the file, for messages.

    Returns:
        column -> id -> number; NaN where a cell is empty.

    Raises:
        ValueError: the file cannot be read or has no second column, a cell is not a number, or an id is duplicated; the
            last two name the row.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{what} {path} cannot be read as .csv: {error}") from error
    if table.shape[1] < 2:
        raise InputError(f"{what} {path}: a header line and two or more columns are needed, the first with sample ids")
    ids = table.iloc[:, 0]
    if ids.duplicated().any():
        row = int(ids.duplicated().to_numpy().argmax())
        raise InputError(f"{what} {path}: row {row + 2}: the id {ids[row]!r} is duplicated")
    columns = {}
    for name in table.columns[1:]:
        numbers = pd.to_numeric(table[name].where(table[name] != ""), errors="coerce")
        invalid = numbers.isna() & (table[name].str.strip() != "") & (table[name].str.lower() != "nan")
        if invalid.any():
            row = int(invalid.to_numpy().argmax())
            raise InputError(f"{what} {path}: row {row + 2}: {table[name][row]!r} in {name} is not a number")
        columns[str(name)] = dict(zip(ids, numbers.astype(float), strict=True))
    return columns


def find_embeddings(comparison: xr.Dataset, store: Store, files: Sequence[Path] = ()) -> dict[str, Representation]:
    """Find the representations behind a Comparison in files and in the store.

    Args:
        comparison: with the recipes of its representations in its attributes.
        store: where the representations of models are looked up.
        files: of embeddings, for models that were read from files; their names must match models of the Comparison.

    Returns:
        Name in the Comparison -> representation; those that were not found are missing.

    Raises:
        ValueError: a file matches no model of the Comparison, or its content differs from what was compared.
    """
    recipes: Mapping[str, dict[str, Any]] = json.loads(str(comparison.attrs.get("recipe", "{}")))
    names = [str(name) for name in comparison["model"].values]
    representations: dict[str, Representation] = {}
    for path in files:
        name = embeddings_name(path)
        if name not in names:
            raise InputError(f"--embeddings {path}: the comparison has no model {name!r}; it has {', '.join(names)}")
        selection = recipes.get(name, {}).get("selection", {})
        representation = read_embeddings(path, **(selection if isinstance(selection, dict) else {}))
        content = recipes.get(name, {}).get("content")
        if content not in (None, representation.recipe["content"]):
            raise InputError(f"--embeddings {path}: this file differs from the embeddings compared as {name!r}")
        representations[name] = representation
    for name in names:
        recipe = recipes.get(name, {})
        if name not in representations and set(recipe) >= _KEY_FIELDS:
            stored = store.load(Key.of(recipe))
            if stored is not None:
                representations[name] = stored
    return {name: _with_rules(each, recipes.get(name, {})) for name, each in representations.items()}


def _with_rules(representation: Representation, recipe: Mapping[str, Any]) -> Representation:
    """Return a representation with its ids as they were when it was compared."""
    for rule in recipe.get("id_rules", ()):
        representation = apply_id_rule(representation, rule)
    return representation


def joined(
    comparison: xr.Dataset, representations: Mapping[str, Representation]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Join representations by sample id.

    Args:
        comparison: if it has the coordinate ``sample``, only these ids are kept.
        representations: name -> representation.

    Returns:
        The n sorted ids that all representations have, and name -> rows [n, d] in the order of the ids; both are empty
        if there are no representations.
    """
    if not representations:
        return [], {}
    common = set.intersection(*(set(rep.ids) for rep in representations.values()))
    if "sample" in comparison.coords:
        common &= {str(name) for name in comparison["sample"].values}
    ids = sorted(common)
    rows = {}
    for name, rep in representations.items():
        position = {i: row for row, i in enumerate(rep.ids)}
        rows[name] = np.asarray(rep.embedding)[[position[i] for i in ids]]
    return ids, rows
