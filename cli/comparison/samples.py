"""What is known of single samples, and the embeddings behind a Comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, InputError, Key, Representation, Store, read_embeddings

if TYPE_CHECKING:
    import xarray as xr

LABEL = "label_"


def add_labels(comparison: xr.Dataset, data: Dataset) -> None:
    """Add ``label_NAME`` over ``sample`` for each label of the data set that varies; NaN for a sample without it."""
    if "sample" not in comparison.coords:
        return
    labels = {sample.id: sample.labels for sample in data}
    ids = [str(name) for name in comparison["sample"].values]
    for name in dict.fromkeys(name for of in labels.values() for name in of):
        values = np.array([labels.get(i, {}).get(name, np.nan) for i in ids], np.float64)
        if np.isfinite(values).any() and np.nanmin(values) < np.nanmax(values):
            comparison[f"{LABEL}{name}"] = ("sample", values, {"units": data.units.get(name, "")})


def add_samples(comparison: xr.Dataset, representations: Sequence[Representation]) -> None:
    """Add the ids of the samples that all representations have, which were compared, as coordinate ``sample``."""
    common = set.intersection(*(set(rep.ids) for rep in representations))
    comparison.coords["sample"] = ("sample", sorted(common))


def read_column(path: Path, column: str | None, *, what: str) -> tuple[str, dict[str, float]]:
    """Read one number a sample from a .csv file with a header line, its first column the sample id.

    Args:
        path: the file.
        column: which; default its only other one.
        what: the option that named it, for messages.

    Returns:
        The name of the column, and id -> number; NaN where a cell is empty.

    Raises:
        ValueError: it cannot be read, the column is missing or not of numbers, or an id stands twice.
    """
    table = read_table(path, what=what)
    others = list(table)
    name = column or (others[0] if len(others) == 1 else None)
    if name is None or name not in table:
        asked = f"no column {column!r}" if column else "several columns: name one, as FILE:COLUMN"
        raise InputError(f"{what} {path}: {asked}; it has {', '.join(others)}")
    return name, table[name]


def read_table(path: Path, *, what: str) -> dict[str, dict[str, float]]:
    """Read a .csv file of numbers, its first column the sample id: column -> id -> number.

    Raises:
        ValueError: it cannot be read, has no second column, a cell is no number, or an id stands twice; names the row.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{what} {path} cannot be read as .csv: {error}") from error
    if table.shape[1] < 2:
        raise InputError(f"{what} {path}: a header line and two columns or more are needed, the first the sample id")
    ids = table.iloc[:, 0]
    if ids.duplicated().any():
        row = int(ids.duplicated().to_numpy().argmax())
        raise InputError(f"{what} {path}: row {row + 2}: the id {ids[row]!r} stands twice")
    found = {}
    for name in table.columns[1:]:
        numbers = pd.to_numeric(table[name].where(table[name] != ""), errors="coerce")
        wrong = numbers.isna() & (table[name].str.strip() != "") & (table[name].str.lower() != "nan")
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(f"{what} {path}: row {row + 2}: {table[name][row]!r} in {name} is no number")
        found[str(name)] = dict(zip(ids, numbers.astype(float), strict=True))
    return found


def find_embeddings(comparison: xr.Dataset, store: Store, files: Sequence[Path] = ()) -> dict[str, Representation]:
    """Return the representations behind a Comparison that are at hand, by the names that they have in it.

    Args:
        comparison: with the recipes of its representations in its attributes.
        store: where those of models are looked up.
        files: of embeddings, for models that came from files; of the same stem or recipe.

    Raises:
        ValueError: a file that is no model of the Comparison, or whose content is not what was compared.
    """
    recipes: Mapping[str, dict[str, object]] = json.loads(str(comparison.attrs.get("recipe", "{}")))
    names = [str(name) for name in comparison["model"].values]
    found: dict[str, Representation] = {}
    for path in files:
        one = read_embeddings(path)
        if one.name not in names:
            raise InputError(
                f"--embeddings {path}: the comparison has no model {one.name!r}; it has {', '.join(names)}"
            )
        content = recipes.get(one.name, {}).get("content")
        if content not in (None, one.recipe["content"]):
            raise InputError(f"--embeddings {path}: this is not what was compared under the name {one.name!r}")
        found[one.name] = one
    for name in names:
        recipe = recipes.get(name, {})
        if name not in found and {"model", "weights", "dataset", "dataset_version", "layer", "pooling"} <= set(recipe):
            stored = store.load(Key.of(recipe))
            if stored is not None:
                found[name] = stored
    return found


def joined(
    comparison: xr.Dataset, representations: Mapping[str, Representation]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the sorted ids that all representations have, those that were compared where this is known, and the rows.

    Rows [n, d] are in the order of the ids; nothing where there are no representations.
    """
    if not representations:
        return [], {}
    common = set.intersection(*(set(rep.ids) for rep in representations.values()))
    if "sample" in comparison.coords:
        common &= {str(name) for name in comparison["sample"].values}
    ids = sorted(common)
    rows = {}
    for name, rep in representations.items():
        place = {i: row for row, i in enumerate(rep.ids)}
        rows[name] = np.asarray(rep.embedding)[[place[i] for i in ids]]
    return ids, rows
