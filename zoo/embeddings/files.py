"""Reading and writing of files of embeddings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..base import (
    MAX_REASON,
    ROW_NUMBERS,
    HyleError,
    InputError,
    MissingFileError,
    Representation,
    check_local,
    check_replaceable,
    did_you_mean,
    output_errors,
    replace_atomically,
    shorten,
    shorten_names,
    valid_text,
)
from ..nodes import LABEL_KINDS, split_node_id
from .arrays import is_float, to_numpy
from .content import COMPRESSIONS, Content, Selection, SelectionError, suffix_of
from .formats import (
    PACKABLE,
    READERS,
    WRITERS,
    ZARR_MARKERS,
    is_folder_of_embeddings,
    read_folder,
    read_ids,
    write_ids,
)

FORBIDDEN = ("\0", "\n", "\r")
MAX_LINE = 3 * MAX_REASON  # characters
PICKLES = (".pkl", ".pickle", ".joblib")

# The entry of the recipe that keeps what atoms, residues and tokens are.
NODE_LABELS = "node_labels"


def read_embeddings(
    path: str | os.PathLike[str],
    *,
    ids_path: str | os.PathLike[str] | None = None,
    name: str | None = None,
    key: str = "",
    columns: str = "",
    id_column: str = "",
    number_rows: bool = False,
) -> Representation:
    """Read an embedding matrix and its ids; the suffix selects the format.

    =====================  ===================================================================================
    .npz, .h5, .hdf5       arrays: a matrix [n, d] and n ids, or one vector under each id; a sparse matrix of SciPy
    .npy                   a matrix [n, d]; ids next to it in NAME.ids.txt or NAME.ids.npy
    .pt, .pth              a tensor, or a dictionary of tensors and lists, without unpickling anything else
    .safetensors           tensors; ids also as a JSON list under ``ids`` in the metadata
    .csv, .tsv             a header line, ids and features in any order; also ``;`` with decimal commas
    .parquet, .feather,    columns of ids and features, or one column of lists; the index of pandas may be the ids
    .arrow, .jsonl
    .h5ad                  ``X``, ``obsm/NAME`` or ``layers/NAME`` of AnnData
    .zarr                  group (v2 or v3); ids also as a list in its attributes
    folder                 a Zarr group; a data set of Hugging Face; parts of a .parquet table; one .pt or .npy file
                           per sample; a folder of ESM's extract script
    =====================  ===================================================================================

    .csv, .tsv and .jsonl may end in .gz, .bz2, .xz or .zst. What is read is decided by the names in the file; if they
    leave a choice, the file is refused and the message names the argument. Numbers that are not features, such as
    labels and splits, are ignored. An array or column ``energies`` [n], total energies in eV, is read as the energies.
    Ids are text and are not converted. Pickled data are never loaded.

    Args:
        path: the file or folder.
        ids_path: file with ids that replace those in the data file: text with one id per line, or ``.npy``.
        name: name of the representation; by default the file name without its suffix.
        key: array, tensor, layer or column of lists with the embeddings.
        columns: feature columns of a table, comma-separated: names, patterns (``f*``) and ranges (``f0..f63``).
        id_column: array or column with the ids.
        number_rows: number the rows from 0 if the file has no ids.

    Returns:
        Representation with a NumPy embedding [n, d] of the dtype in the file (integers become float32 or float64) and
        text ids; of .npy and .safetensors files it is mapped into memory. Its recipe is the one in the file, if
        any, plus the file name, ``read_as`` (what was read as what, in one line), ``ids`` (where the ids come from) and
        a hash of the content. NaN and infinite values are accepted here; the comparison reports them by id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unreadable or damaged file, missing data, no numeric matrix, several candidates for the embeddings
            or the ids, no ids, or ids that do not match the rows.
        ImportError: a package that the format needs is not installed.
    """
    check_local(path)
    path = Path(path)
    reader = _reader(path)
    selection = Selection(key, columns, id_column)
    try:
        content = reader(path, selection)
        if ids_path is not None:
            if id_column:
                raise InputError("takes its ids from a file or from --id-column, not from both")
            _must_exist(Path(ids_path))
            content.ids, content.ids_from, content.row_numbers = read_ids(Path(ids_path)), Path(ids_path).name, False
        elif content.ids is None and number_rows and np.ndim(content.embedding):
            content.ids, content.ids_from = [str(i) for i in range(len(content.embedding))], "row numbers from 0"
            content.row_numbers = True
        embedding, ids, energies = _checked(content)
    except (FileNotFoundError, PermissionError, ImportError):
        raise
    except MemoryError as error:
        raise InputError(f"{path}: it does not fit into memory") from error
    except SelectionError as error:
        raise SelectionError(f"{path}: {error}") from error
    except ValueError as error:
        raise InputError(f"{path}: {_line(error)}") from error
    # Each library raises its own errors, which have no common base class.
    except Exception as error:
        if isinstance(error, HyleError):
            raise
        raise InputError(f"{path}: not readable as {path.suffix or 'a folder'}: {_line(error)}") from error
    made_by_hyle = "dataset_version" in content.recipe
    origin = ROW_NUMBERS if content.row_numbers else content.ids_from
    chosen = _set(selection, number_rows=number_rows and content.row_numbers)
    recipe = {
        **content.recipe,
        **({} if made_by_hyle and ids_path is None else {"ids": origin}),
        **({"selection": chosen} if chosen else {}),
        "file": valid_text(path.name),
        "read_as": _read_as(path, content, embedding),
        "content": _fingerprint(embedding, ids),
    }
    groups = _groups_of_nodes(recipe, ids)
    recipe = {key: value for key, value in recipe.items() if key != NODE_LABELS}
    return Representation(name or embeddings_name(path), embedding, ids, recipe, energies, groups=groups)


def is_embedding_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `read_embeddings` reads a file of this name, or a folder with this content."""
    path = Path(path)
    if path.is_dir():
        return is_folder_of_embeddings(path)
    return suffix_of(path) in READERS and (path.suffix.lower() not in COMPRESSIONS or suffix_of(path) in PACKABLE)


def _reader(path: Path) -> Any:
    if path.is_dir() and path.suffix.lower() in READERS and path.suffix.lower() != ".zarr":
        raise InputError(f"{path} is a folder, but {path.suffix} must be a file")
    if path.is_dir():
        return read_folder
    if path.suffix.lower() == ".zarr" and path.is_file():
        raise InputError(f"{path} is a file, but .zarr must be a folder")
    if path.suffix.lower() in PICKLES:
        raise InputError(f"{path}: pickles are never loaded, because they can run any code: save .npz or .parquet")
    if not is_embedding_file(path):
        packed = path.suffix.lower() in COMPRESSIONS and suffix_of(path) in READERS
        problem = "decompress it first" if packed else f"the suffix must be one of {', '.join(READERS)}"
        raise InputError(f"{path}: {problem}")
    _must_exist(path)
    return READERS[suffix_of(path)]


def _set(selection: Selection, *, number_rows: bool) -> dict[str, Any]:
    """Return the options that were set, so that the same can be read again."""
    options = {**asdict(selection), "number_rows": number_rows}
    return {name: value for name, value in options.items() if value}


def embeddings_name(path: Path) -> str:
    """Return the name that `read_embeddings` gives to a file or folder."""
    if path.is_dir():
        return valid_text(path.resolve().name.removesuffix(path.suffix if path.suffix.lower() in READERS else ""))
    packed = path.suffix.lower() in COMPRESSIONS
    return valid_text(Path(path.stem).stem if packed else path.stem)


def _read_as(path: Path, content: Content, embedding: np.ndarray) -> str:
    n, d = embedding.shape
    left_out = f", ignored: {shorten_names(content.left_out, 8)}" if content.left_out else ""
    return f"{valid_text(path.name)}: {n} x {d} from {content.features_from}, ids from {content.ids_from}{left_out}"


def _labels_of_nodes(representation: Representation) -> dict[str, list[str]]:
    """Return the element, residue or token of each row of nodes as an entry of the recipe; nothing for samples."""
    kind = LABEL_KINDS.get(representation.recipe.get("per", ""), "")
    return {NODE_LABELS: list(representation.groups[kind])} if kind in representation.groups else {}


def _groups_of_nodes(recipe: Mapping[str, Any], ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the groups of rows of nodes: the samples by the ids, and what `_labels_of_nodes` has written."""
    kind, labels = LABEL_KINDS.get(recipe.get("per", ""), ""), recipe.get(NODE_LABELS, ())
    if not kind:
        return {}
    return {"sample": [split_node_id(i)[0] for i in ids]} | ({kind: list(labels)} if len(labels) == len(ids) else {})


def write_embeddings(representation: Representation, path: str | os.PathLike[str]) -> Path:
    """Write a representation in a format that `read_embeddings` reads; the suffix selects the format.

    The file is written to a temporary path and renamed, so that readers never see a partial file; an existing file is
    replaced. The dtype is kept, except that bfloat16 and 8-bit floats become float32 in formats without them (all
    but ``.safetensors``) and ``.csv`` reads back as float64. For ``.npy``, the ids are written to NAME.ids.txt next to
    the file, and energies are not kept; ``.npy`` and ``.csv`` do not keep the recipe.

    Args:
        representation: [n, d] with n and d at least 1.
        path: output path; missing folders are created.

    Returns:
        The path.

    Raises:
        ValueError: unknown suffix, empty embedding, or an id that is empty or contains a line break.
        OutputError: the file cannot be written, or is a folder. A folder is replaced only by ``.zarr``, and only if it
            is empty or a Zarr group.
    """
    path = Path(path)
    check_output(path)
    suffix = path.suffix.lower()
    embedding = to_numpy(representation.embedding)
    if embedding.dtype.kind != "f" and is_float(embedding.dtype) and suffix != ".safetensors":
        embedding = embedding.astype(np.float32)
    energies = None if representation.energies is None else to_numpy(representation.energies)
    try:
        embedding, ids, energies = _checked(Content(embedding, list(representation.ids), energies))
        recipe = json.loads(json.dumps(dict(representation.recipe) | _labels_of_nodes(representation)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {_line(error)}") from error
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, markers=_markers(path)) as temporary:
            WRITERS[suffix](temporary, Content(embedding, ids, energies, recipe))
            if suffix == ".npy":
                with replace_atomically(_ids_path(path)) as ids_file:
                    write_ids(ids_file, ids)
    return path


def check_output(path: Path) -> None:
    """Check before anything is computed that `write_embeddings` can write to a path.

    Raises:
        ValueError: unknown suffix.
        OutputError: a folder that may not be replaced; see `write_embeddings`.
    """
    check_local(path)
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: the suffix must be one of {', '.join(WRITERS)}")
    check_replaceable(path, _markers(path))
    if path.suffix.lower() == ".npy":
        check_replaceable(_ids_path(path))


def _markers(path: Path) -> tuple[str, ...]:
    return ZARR_MARKERS if path.suffix.lower() == ".zarr" else ()


def _ids_path(path: Path) -> Path:
    return path.with_suffix(".ids.txt")


def _must_exist(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise MissingFileError(f"{path} is a broken link")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, siblings)}")


def _checked(content: Content) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    embedding = _numbers(content.embedding, "embedding")
    if embedding.ndim != 2:
        raise InputError(f"`embedding` has the shape {embedding.shape}, not [n, d]")
    if 0 in embedding.shape:
        raise InputError(f"`embedding` is empty: its shape is {embedding.shape}")
    if content.ids is None:
        raise InputError(
            f"{content.missing_ids}. Name the ids with --id-column, give a file with --ids FILE, or number the rows "
            "from 0 with --ids rows"
        )
    ids = _ids(content.ids)
    if len(ids) != len(embedding):
        raise InputError(f"{len(ids)} ids for {len(embedding)} rows")
    first: dict[str, int] = {}
    for row, text in enumerate(ids, 1):
        if not text or any(character in text for character in FORBIDDEN):
            raise InputError(
                f"the id in row {row} is {'empty' if not text else f'not a line of text: {shorten(text)!r}'}"
            )
        if first.setdefault(text, row) != row:
            raise InputError(
                f"the id {shorten(text)!r} is in rows {first[text]} and {row}, but ids must be unique"
                + (f": choose others than those from {content.ids_from} with --id-column" if content.ids_from else "")
            )
    energies = None if content.energies is None else _numbers(content.energies, "energies").astype(np.float64)
    if energies is not None and energies.shape != (len(ids),):
        raise InputError(f"`energies` has the shape {energies.shape} for {len(ids)} rows")
    return embedding, ids, energies


def _numbers(array: Any, name: str) -> np.ndarray:
    array = np.asarray(array)
    if is_float(array.dtype):
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    raise InputError(f"`{name}` has the dtype {array.dtype}, which is not real and numeric")


def _ids(ids: Any) -> list[str]:
    array = np.asarray(ids) if not isinstance(ids, list) else None
    if array is not None:
        if array.ndim != 1:
            raise InputError(f"`ids` has the shape {array.shape}, not [n]")
        if array.dtype.kind not in "iuUSO":
            raise InputError(f"`ids` has the dtype {array.dtype}: save them as text or as integers")
        ids = array.tolist()
    for row, value in enumerate(ids, 1):
        if isinstance(value, bool) or not isinstance(value, (str, bytes, int)):
            raise InputError(f"the id in row {row} is {shorten(repr(value))}: ids must be text or integers")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in ids]


def _fingerprint(embedding: np.ndarray, ids: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{embedding.dtype.name}{embedding.shape}{json.dumps(ids)}".encode())
    digest.update(np.ascontiguousarray(embedding).view(np.uint8).data)
    return digest.hexdigest()[:16]


def _line(error: BaseException) -> str:
    if "allow_pickle" in str(error):
        return "contains a pickled object array, which is never loaded: save text as np.asarray(ids, dtype=str)"
    return shorten((str(error) or type(error).__name__).splitlines()[0], MAX_LINE)
