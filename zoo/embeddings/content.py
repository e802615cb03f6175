"""What a reader takes from a file of embeddings, and what the user selects in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base import InputError, did_you_mean, shorten, shorten_names

# Lower-case names of ids, the first two before any other.
ID_NAMES = ("id", "ids")
OTHER_ID_NAMES = frozenset(
    (
        *("name", "names", "identifier", "identifiers", "accession", "accessions", "entry", "key", "keys", "uid"),
        *("uuid", "uniprot", "protein", "inchikey", "sample", "samples", "molecule", "material", "structure", "cid"),
        "filename",
    )
)
# Lower-case words of names of what is neither a feature nor an id.
LABEL_WORDS = frozenset(
    (
        *("attention", "batch", "charge", "charges", "class", "classes", "cluster", "cv", "energy", "fold", "folds"),
        *("force", "forces", "gap", "group", "input", "label", "labels", "mask", "masks", "number", "numbers", "pred"),
        *("position", "positions", "prediction", "predictions", "split", "splits", "stress", "target", "targets"),
        *("task", "tasks", "test", "token", "tokens", "train", "true", "val", "valid", "y"),
    )
)


class SelectionError(InputError):
    """Something that the user selects and that a file does not have."""


@dataclass(frozen=True)
class Selection:
    """What to read from a file; empty fields are decided by the names in the file.

    Args:
        key: array, data set, tensor, layer or list column with the embeddings.
        columns: feature columns of a table, comma-separated: names, patterns (``f*``) and ranges (``f0..f63``).
        id_column: column or array with the ids.
    """

    key: str = ""
    columns: str = ""
    id_column: str = ""

    def only(self, *names: str) -> None:
        """Check that no other fields are set.

        Raises:
            SelectionError: a field that does not apply to this kind of file.
        """
        options = {"key": "--key", "columns": "--columns", "id_column": "--id-column"}
        for name, option in options.items():
            if getattr(self, name) and name not in names:
                raise SelectionError(f"{option} does not apply to this kind of file")


@dataclass
class Content:
    """The unchecked content of a file.

    Args:
        embedding: array of any shape and dtype.
        ids: array or list of ids; None if the file has none.
        energies: array or None.
        recipe: provenance that is stored in the file.
        features_from: what was read as the embeddings, for the reader of a message.
        ids_from: what was read as the ids.
        left_out: names of what was not read.
        missing_ids: why there are no ids.
        row_numbers: whether the ids are the numbers of the rows, from 0.
    """

    embedding: Any
    ids: Any = None
    energies: Any = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    features_from: str = ""
    ids_from: str = ""
    left_out: Sequence[str] = ()
    missing_ids: str = "has no ids"
    row_numbers: bool = False


def pick(name: str, names: Sequence[str], option: str, kind: str) -> str:
    """Return the name that an option selects.

    Raises:
        SelectionError: there is none; suggests the closest and lists all.
    """
    if name in names:
        return name
    hint = did_you_mean(name, names).removesuffix(".")
    raise SelectionError(f"{option} {shorten(name)}: there is no such {kind}{hint}; it has: {shorten_names(names)}")


def is_id_name(name: str) -> bool:
    """Return whether a name is one that ids usually have."""
    name = name.rsplit("/", 1)[-1].lower()
    if name in ID_NAMES or name in OTHER_ID_NAMES:
        return True
    return name.endswith(("_id", "_ids")) and not is_label_name(name)


def is_label_name(name: str) -> bool:
    """Return whether a name is one of labels, masks, splits and the like, such as ``y_true`` or ``fold3``."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name.rsplit("/", 1)[-1]).lower())
    return any(word in LABEL_WORDS for word in words)


def suffix_of(path: Path) -> str:
    """Return the lower-case suffix of a file, without that of a compression, such as ``.csv`` of ``a.csv.gz``."""
    name = path.name.lower()
    for packed in COMPRESSIONS:
        name = name.removesuffix(packed)
    return Path(name).suffix


# Suffix -> name of the codec in pyarrow; xz is read by Python's lzma.
COMPRESSIONS: Mapping[str, str] = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": ""}
