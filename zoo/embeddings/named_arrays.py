"""Selection of the embeddings and ids among named arrays, as in .npz, .h5, .pt and .safetensors files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InputError
from .._text import shorten, shorten_names
from .arrays import is_float
from .content import ID_NAMES, Content, Selection, is_id_name, pick

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
    if len(matrices) == 1:
        return matrices[0]
    usual = [name for name in matrices if name.rsplit("/", 1)[-1].lower() in EMBEDDING_NAMES]
    if len(usual) == 1:
        return usual[0]
    if not matrices:
        raise InputError(f"contains no matrix [n, d]; it has: {_listed(arrays)}")
    if len(matrices) == len(arrays) and len({arrays[name].shape[1] for name in matrices}) == 1:
        raise InputError(
            f"contains one matrix per id ({_listed(arrays, 3)}), such as embeddings per residue or atom: average each "
            "over its first axis, so that every sample has one vector"
        )
    raise InputError(f"contains several matrices: choose one with --key; it has: {_listed(arrays)}")


def _is_keyed_by_id(arrays: Mapping[str, Array]) -> bool:
    shapes = {array.shape[1:] if array.shape[:1] == (1,) else array.shape for array in arrays.values()}
    numeric = all(is_float(array.dtype) for array in arrays.values())
    usual = any(name.lower() in ("energies", *ID_NAMES) for name in arrays)
    return len(arrays) > 1 and numeric and not usual and len(shapes) == 1 and len(next(iter(shapes))) == 1


def _keyed_by_id(arrays: Mapping[str, Array]) -> Content:
    rows = [np.asarray(array.read()).reshape(-1) for array in arrays.values()]
    return Content(np.stack(rows), list(arrays), None, {}, "one vector under each id", KEYED)


def _ids_name(arrays: Mapping[str, Array], embedding: str, n: int, selection: Selection, kind: str) -> str | None:
    if selection.id_column:
        return pick(selection.id_column, list(arrays), "--id-column", kind)
    for usual in ID_NAMES:
        if usual in arrays:
            return usual
    columns = {
        name: array
        for name, array in arrays.items()
        if name not in (embedding, "recipe") and array.shape == (n,) and (array.is_text or array.dtype.kind in "iu")
    }
    candidates = [name for name in columns if is_id_name(name)]
    if len(candidates) != 1:
        texts = [name for name, array in columns.items() if array.is_text]
        candidates = [name for name in candidates or texts if len(set(map(str, columns[name].read()))) == n]
    if len(candidates) > 1:
        raise InputError(f"several {kind}s may be the ids: choose with --id-column: {shorten_names(candidates)}")
    return candidates[0] if candidates else None


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
