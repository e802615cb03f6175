"""Selection of the embeddings and ids among named arrays, as in .npz, .h5, .pt and .safetensors files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError, shorten, shorten_names
from .arrays import is_float
from .content import ID_NAMES, Content, Selection, is_id_name, is_label_name, pick

# Lower-case names of embeddings, looked up if several arrays are matrices.
EMBEDDING_NAMES = frozenset(
    (
        "embedding",
        "embeddings",
        "emb",
        "embs",
        "features",
        "feature",
        "feats",
        "representation",
        "representations",
        "reps",
        "x",
        "vectors",
        "vector",
        "latents",
        "latent",
        "z",
        "hidden",
        "hidden_states",
        "activations",
        "mean_representations",
    )
)

KEYED = "the names of the arrays"
# Names of columns, which programs give to features.
_PREFIXES = "f|x|v|z|h|d|c|pc|col|column|dim|emb|embedding|feat|feature|component|latent|umap|tsne"
COLUMN = re.compile(rf"(?:{_PREFIXES})[_ ]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Array:
    """An array in a file that has not been read yet.

    Args:
        shape: its shape.
        dtype: its NumPy dtype; ``O`` for text of any length.
        read: reads it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], Any]

    @property
    def is_numeric(self) -> bool:
        """Whether it contains real numbers."""
        return is_float(self.dtype) or self.dtype.kind in "iub"

    @property
    def is_text(self) -> bool:
        """Whether it contains text."""
        return self.dtype.kind in "USOT"

    def describe(self, name: str) -> str:
        """Return its name and shape for a message."""
        return f"{shorten(name or '(no name)')} {list(self.shape)}"


def choose_arrays(arrays: Mapping[str, Array], selection: Selection, kind: str = "array") -> Content:
    """Select and read the embeddings and ids among the arrays of a file.

    The embeddings are, in this order: the array that the user names; ``embedding``; one vector under each id; the only
    matrix; the only matrix with a usual name. The ids are: the array that the user names; ``ids`` or ``id``; the only
    other array of n unique texts, or with a usual name.

    Args:
        arrays: name -> array; only those that are selected are read.
        selection: what the user selects.
        kind: what the file calls an array, for messages.

    Raises:
        ValueError: nothing or several arrays qualify; lists the arrays and names the option.
    """
    if not arrays:
        raise InputError(f"contains no {kind}s")
    name = _embedding_name(arrays, selection, kind)
    if name is None:
        return _keyed_by_id(arrays)
    recipe = _recipe(arrays)
    chosen = arrays[name]
    n = chosen.shape[0] if chosen.shape else 0
    ids = _ids_name(arrays, name, n, selection, kind)
    energies = arrays.get("energies") if name != "energies" else None
    used = {name, ids, "recipe" if recipe else None, "energies" if energies else None}
    others = [other for other in arrays if other not in used]
    return Content(
        chosen.read(),
        None if ids is None else arrays[ids].read(),
        None if energies is None else energies.read(),
        recipe,
        name,
        ids or "",
        others,
        f"has no {kind} with ids; it has: {_listed(arrays)}",
    )


def _embedding_name(arrays: Mapping[str, Array], selection: Selection, kind: str) -> str | None:
    """Return the name of the array with the embeddings, or None if there is one vector under each id."""
    if selection.key:
        return pick(selection.key, list(arrays), "--key", kind)
    if "embedding" in arrays:
        return "embedding"
    if _is_keyed_by_id(arrays):
        return None
    matrices = [name for name, array in arrays.items() if array.is_numeric and len(array.shape) == 2]
    usual = [name for name in matrices if is_embedding_name(name)]
    if len(usual) == 1:
        return usual[0]
    if len(matrices) == 1 and _is_plain(matrices[0], arrays):
        return matrices[0]
    if not matrices:
        raise InputError(f"contains no matrix [n, d]; it has: {_listed(arrays)}")
    widths = {arrays[name].shape[1] for name in matrices}
    lengths = {arrays[name].shape[0] for name in matrices}
    if len(matrices) == len(arrays) > 3 and len(widths) == 1 < len(lengths) and not any(map(is_label_name, matrices)):
        raise InputError(
            f"contains one matrix per id ({_listed(arrays, 3)}), such as embeddings per residue or atom: average each "
            "over its first axis, so that every sample has one vector"
        )
    problem = "several matrices" if len(matrices) > 1 else "a matrix that may be no embeddings"
    raise InputError(f"contains {problem}: choose one with --key; it has: {_listed(arrays)}")


def is_embedding_name(name: str) -> bool:
    """Return whether a name is one that embeddings usually have."""
    return name.rsplit("/", 1)[-1].lower() in EMBEDDING_NAMES


def _is_plain(name: str, arrays: Mapping[str, Array]) -> bool:
    """Return whether the only matrix cannot be anything else: labels, a mask, or a fact of arrays with more axes."""
    n, d = arrays[name].shape
    larger = any(array.is_numeric and len(array.shape) > 2 and array.shape[0] == n for array in arrays.values())
    return not larger and not is_label_name(name) and (d > 1 or len(arrays) == 1)


def _is_keyed_by_id(arrays: Mapping[str, Array]) -> bool:
    shapes = {array.shape[1:] if array.shape[:1] == (1,) else array.shape for array in arrays.values()}
    numeric = all(is_float(array.dtype) for array in arrays.values())
    if len(arrays) < 2 or not numeric or len(shapes) != 1 or len(next(iter(shapes))) != 1:
        return False
    # The columns of a table are vectors as well.
    columns = [name for name in arrays if is_label_name(name) or name.lower() in ("energies", *ID_NAMES)]
    if columns or all(COLUMN.fullmatch(name) for name in arrays):
        raise InputError(
            f"contains vectors that may be the columns of a table: save them as one matrix; it has: {_listed(arrays)}"
        )
    return True


def _keyed_by_id(arrays: Mapping[str, Array]) -> Content:
    rows = [np.asarray(array.read()).reshape(-1) for array in arrays.values()]
    return Content(np.stack(rows), list(arrays), None, {}, "one vector under each id", KEYED)


def _ids_name(arrays: Mapping[str, Array], embedding: str, n: int, selection: Selection, kind: str) -> str | None:
    if selection.id_column:
        return pick(selection.id_column, list(arrays), "--id-column", kind)
    group = embedding.rpartition("/")[0]
    beside = {name: array for name, array in arrays.items() if name.rpartition("/")[0] == group and name != embedding}
    for usual in ID_NAMES:
        name = f"{group}/{usual}" if group else usual
        if name in beside:
            return name
    # Arrays of the same group first: those of another one may belong to other samples.
    for among in (beside, arrays):
        found = _only_ids(among, embedding, n, kind)
        if found is not None:
            return found
    return None


def _only_ids(arrays: Mapping[str, Array], embedding: str, n: int, kind: str) -> str | None:
    columns = {
        name: array
        for name, array in arrays.items()
        if name not in (embedding, "recipe")
        and array.shape == (n,)
        and (array.is_text or (array.dtype.kind in "iu" and not is_label_name(name)))
        and "feature" not in name.lower()
    }
    for candidates in (
        [name for name in columns if is_id_name(name)],
        [name for name, array in columns.items() if array.is_text],
    ):
        unique = [name for name in candidates if len(set(map(str, columns[name].read()))) == n]
        # An only candidate is taken in any case, so that repeated ids are reported.
        if len(candidates) == 1 and is_id_name(candidates[0]):
            return candidates[0]
        if len(unique) > 1:
            raise InputError(f"several {kind}s may be the ids: choose with --id-column: {shorten_names(unique)}")
        if unique:
            return unique[0]
    return None


def _recipe(arrays: Mapping[str, Array]) -> Mapping[str, Any]:
    recipe = arrays.get("recipe")
    return parse_recipe(recipe.read()) if recipe is not None and recipe.shape == () and recipe.is_text else {}


def parse_recipe(text: Any) -> Mapping[str, Any]:
    """Return a recipe from JSON; empty if it is anything else, because other programs may use this name."""
    try:
        recipe = json.loads(text.decode() if isinstance(text, bytes) else str(text))
    except ValueError:
        return {}
    return recipe if isinstance(recipe, dict) else {}


def _listed(arrays: Mapping[str, Array], most: int = 12) -> str:
    names: Sequence[str] = [array.describe(name) for name, array in arrays.items()]
    return shorten_names(names, most)
