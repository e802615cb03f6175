"""A reader and a writer for each format of embedding files."""

from __future__ import annotations

import csv
import importlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._errors import InputError

ID_NAMES = ("ids", "id")


@dataclass
class Content:
    """The unchecked content of a file.

    Args:
        embedding: array of any shape and dtype.
        ids: array or list of ids; None if the file has none.
        energies: array or None.
        recipe: provenance that is stored in the file.
        missing_ids: error message for missing ids.
    """

    embedding: Any
    ids: Any = None
    energies: Any = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    missing_ids: str = ""


def _pick(arrays: Mapping[str, Any], kind: str = "array") -> Content:
    """Select `embedding`, `ids`, `energies` and `recipe` from named arrays."""
    names = ", ".join(arrays) or "none"
    if "embedding" not in arrays:
        raise InputError(f"has no {kind} `embedding`; it has: {names}")
    ids = next((arrays[name] for name in ID_NAMES if name in arrays), None)
    recipe = _recipe(arrays.get("recipe"))
    missing = f"has no {kind} `ids`; it has: {names}"
    return Content(arrays["embedding"], ids, arrays.get("energies"), recipe, missing)


def _recipe(text: Any) -> Mapping[str, Any]:
    # A file from another program may use this name for something else.
    try:
        recipe = json.loads(str(text))
    except ValueError:
        return {}
    return recipe if isinstance(recipe, dict) else {}


def read_npz(path: Path) -> Content:
    """Read ``embedding`` [n, d], ``ids`` [n] and optionally ``energies`` [n]; pickles are not allowed."""
    if not zipfile.is_zipfile(path):
        raise InputError("is not an .npz file, or is truncated")
    with np.load(path, allow_pickle=False) as file:
        names = {"embedding", "energies", "recipe", *ID_NAMES}
        return _pick({name: file[name] if name in names else None for name in file.files})


def read_npy(path: Path) -> Content:
    """Read a matrix; the ids are next to it in ``NAME.ids.txt`` (one per line) or ``NAME.ids.npy``."""
    candidates = [path.with_suffix(".ids.txt"), path.with_suffix(".ids.npy")]
    ids = next((read_ids(p) for p in candidates if p.is_file()), None)
    missing = f"has no ids: write them to {candidates[0].name}, one per line, or pass a file of ids"
    return Content(_load_npy(path), ids, missing_ids=missing)


def _load_npy(path: Path) -> np.ndarray:
    with path.open("rb") as stream:
        # NumPy treats any unknown content as a pickle.
        if stream.read(6) != b"\x93NUMPY":
            raise InputError("is not an .npy file")
    return np.load(path, allow_pickle=False)


def read_ids(path: Path) -> Any:
    """Read ids from ``.npy``, or from text with one id per line."""
    if path.suffix == ".npy":
        return _load_npy(path)
    # Not splitlines, which also splits at characters that an id may contain.
    lines = path.read_text("utf-8-sig").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def read_safetensors(path: Path) -> Content:
    """Read tensor ``embedding`` and optionally ``energies``; ids are a JSON list under ``ids`` in the metadata."""
    import safetensors

    with safetensors.safe_open(path, "numpy") as file:
        names, metadata = list(file.keys()), file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in names if name in ("embedding", "energies")}
        content = _pick(dict.fromkeys(names) | arrays, "tensor")
    content.ids = json.loads(metadata["ids"]) if "ids" in metadata else None
    content.recipe = _recipe(metadata.get("recipe"))
    content.missing_ids = "has no `ids` in its metadata: a JSON list of the n ids"
    return content


def read_h5(path: Path) -> Content:
    """Read data sets ``embedding``, ``ids`` and optionally ``energies``; attribute ``recipe``."""
    import h5py

    with h5py.File(path) as file:
        content = _pick({name: item[()] if isinstance(item, h5py.Dataset) else None for name, item in file.items()})
        content.recipe = _recipe(file.attrs.get("recipe"))
    return content


def read_parquet(path: Path) -> Content:
    """Read column ``id`` and list column ``embedding``, or each other numeric column as a feature."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    names = list(table.column_names)
    id_name = next((name for name in ID_NAMES if name in names), None)
    energies = table["energies"].to_numpy() if "energies" in names else None
    if "embedding" in names:
        embedding = _rows(table["embedding"].combine_chunks())
    else:
        # pandas writes row numbers as columns named __index_level_*; they are not features.
        features = [
            name
            for name in names
            if name not in (id_name, "energies") and not name.startswith("__index_level_") and _numeric(table, name)
        ]
        if not features:
            raise InputError(f"has no list column `embedding` and no numeric column; it has: {', '.join(names)}")
        embedding = np.stack([table[name].to_numpy() for name in features], axis=1)
    metadata = table.schema.metadata or {}
    ids = None if id_name is None else table[id_name].to_pylist()
    if id_name is not None and pa.types.is_floating(table.schema.field(id_name).type):
        ids = table[id_name].to_numpy()
    return Content(
        embedding,
        ids,
        energies,
        _recipe(metadata.get(b"hyle_recipe", b"").decode()),
        f"has no column `id`; it has: {', '.join(names)}",
    )


def _numeric(table: Any, name: str) -> bool:
    import pyarrow.types as types

    kind = table.schema.field(name).type
    return types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)


def _rows(column: Any) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(f"column `embedding` has type {kind}, not lists of numbers")
    widths = pc.list_value_length(column).to_pylist()
    for row, width in enumerate(widths):
        if width != widths[0]:
            raise InputError(f"column `embedding` has {widths[0]} numbers in row 1 but {width} in row {row + 1}")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)


def read_csv(path: Path) -> Content:
    """Read a table with a header line: the id in the first column, then features (except ``energies``)."""
    import pyarrow as pa
    import pyarrow.csv as pc

    with path.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream), [])
    if len(header) < 2:
        raise InputError(f"has {len(header)} columns: the first must contain the ids, the others the features")
    _check_header(header[1:])
    # Use column numbers as names, because a header may repeat a name.
    names = [str(place) for place in range(len(header))]
    types = dict.fromkeys(names, pa.float64()) | {names[0]: pa.string()}
    table = pc.read_csv(
        path,
        # No row may be longer than a block; the default fits about 50,000 numbers.
        read_options=pc.ReadOptions(column_names=names, skip_rows=1, block_size=1 << 24),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(column_types=types),
    )
    columns = {place: table[names[place]].to_numpy() for place in range(1, len(header))}
    energy = header.index("energies") if "energies" in header[1:] else None
    embedding = np.stack([column for place, column in columns.items() if place != energy], axis=1)
    return Content(embedding, table[names[0]].to_pylist(), None if energy is None else columns[energy])


def _check_header(names: Sequence[str]) -> None:
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return
    if numbers != list(range(len(numbers))):
        raise InputError("starts with numbers: add a header line such as `id,0,1,2`")


def read_zarr(path: Path) -> Content:
    """Read a Zarr v2 or v3 group: array ``embedding``; ``ids`` in its attributes, or as an array."""
    arrays = sorted(p.name for p in path.iterdir() if (p / "zarr.json").is_file() or (p / ".zarray").is_file())
    if "embedding" not in arrays:
        raise InputError(f"has no array `embedding`; it has: {', '.join(arrays) or 'none'}")
    attributes = _attributes(path)
    ids = next((attributes[name] for name in ID_NAMES if name in attributes), None)
    id_array = next((name for name in ID_NAMES if name in arrays), None)
    missing = "has no `ids`: add them as a list to the attributes of the group"
    if ids is None and id_array is not None:
        try:
            zarr = importlib.import_module("zarr")
        except ImportError:
            missing = "stores its ids as a text array, and reading it needs zarr: pip install zarr"
        else:
            ids = np.asarray(zarr.open_array(str(path / id_array), mode="r")[:])
            ids = ids.tolist() if ids.dtype.kind in "OT" else ids
    energies = read_array(path / "energies") if "energies" in arrays else None
    return Content(
        read_array(path / "embedding"), ids, energies, _recipe(json.dumps(attributes.get("recipe"))), missing
    )


def _attributes(path: Path) -> Mapping[str, Any]:
    if (path / "zarr.json").is_file():
        return json.loads((path / "zarr.json").read_text("utf-8")).get("attributes", {})
    if (path / ".zattrs").is_file():
        return json.loads((path / ".zattrs").read_text("utf-8"))
    return {}


def read_array(path: Path) -> np.ndarray:
    """Read one Zarr array, v2 or v3."""
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").is_file() else "zarr"
    kvstore = {"driver": "file", "path": str(path.absolute())}
    return ts.open({"driver": driver, "kvstore": kvstore}, open=True, read=True).result().read().result()


def write_npz(path: Path, content: Content) -> None:
    """Write the arrays that `read_npz` reads."""
    arrays = {
        "embedding": content.embedding,
        "ids": np.array(content.ids),
        "recipe": json.dumps(content.recipe),
    }
    if content.energies is not None:
        arrays["energies"] = content.energies
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def write_npy(path: Path, content: Content) -> None:
    """Write the matrix only; `write_ids` writes the ids."""
    with path.open("wb") as stream:
        # If NumPy gets the file itself, it writes past Python, and its error on a full disk does not state the reason.
        np.lib.format.write_array(SimpleNamespace(write=stream.write), content.embedding)


def write_ids(path: Path, ids: Sequence[str]) -> None:
    """Write one id per line."""
    path.write_text("".join(f"{i}\n" for i in ids), "utf-8", newline="\n")


def write_safetensors(path: Path, content: Content) -> None:
    """Write the tensors and metadata that `read_safetensors` reads."""
    import safetensors.numpy

    tensors = {"embedding": np.ascontiguousarray(content.embedding)}
    if content.energies is not None:
        tensors["energies"] = content.energies
    metadata = {"ids": json.dumps(content.ids), "recipe": json.dumps(content.recipe)}
    safetensors.numpy.save_file(tensors, path, metadata)


def write_h5(path: Path, content: Content) -> None:
    """Write the data sets that `read_h5` reads."""
    import h5py

    # The HDF5 library crashes the process if the disk is full, so it writes to memory only.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["embedding"] = content.embedding
        file.create_dataset("ids", data=content.ids, dtype=h5py.string_dtype())
        if content.energies is not None:
            file["energies"] = content.energies
        file.attrs["recipe"] = json.dumps(content.recipe)
    path.write_bytes(memory.getbuffer())


def write_parquet(path: Path, content: Content) -> None:
    """Write a column ``id`` and a list column ``embedding``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = pa.array(np.ascontiguousarray(content.embedding).reshape(-1))
    rows = pa.FixedSizeListArray.from_arrays(values, content.embedding.shape[1])
    data = {"id": pa.array(content.ids, pa.string()), "embedding": rows}
    if content.energies is not None:
        data["energies"] = pa.array(content.energies)
    table = pa.table(data).replace_schema_metadata({"hyle_recipe": json.dumps(content.recipe)})
    pq.write_table(table, path, compression="zstd")


def write_csv(path: Path, content: Content) -> None:
    """Write ids, and features as float64, so that narrower dtypes are restored exactly."""
    import pyarrow as pa
    import pyarrow.csv as pc

    columns = np.asarray(content.embedding, np.float64).T
    data = {"id": pa.array(content.ids, pa.string())} | {str(i): pa.array(c) for i, c in enumerate(columns)}
    if content.energies is not None:
        data["energies"] = pa.array(content.energies)
    pc.write_csv(pa.table(data), path)


def write_zarr(path: Path, content: Content) -> None:
    """Write a Zarr v3 group with the ids in its attributes."""
    import tensorstore as ts

    arrays = {"embedding": (content.embedding, ["sample", "feature"])}
    if content.energies is not None:
        arrays["energies"] = (content.energies, ["sample"])
    for name, (array, dimensions) in arrays.items():
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": str(path.absolute() / name)},
            "metadata": {"dimension_names": dimensions},
        }
        ts.open(spec, create=True, dtype=array.dtype, shape=array.shape).result().write(array).result()
    attributes = {"ids": content.ids, "recipe": content.recipe}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (path / "zarr.json").write_text(json.dumps(group), "utf-8")


READERS: Mapping[str, Callable[[Path], Content]] = {
    ".npz": read_npz,
    ".npy": read_npy,
    ".parquet": read_parquet,
    ".safetensors": read_safetensors,
    ".csv": read_csv,
    ".h5": read_h5,
    ".hdf5": read_h5,
    ".zarr": read_zarr,
}

WRITERS: Mapping[str, Callable[[Path, Content], None]] = {
    ".npz": write_npz,
    ".npy": write_npy,
    ".parquet": write_parquet,
    ".safetensors": write_safetensors,
    ".csv": write_csv,
    ".h5": write_h5,
    ".hdf5": write_h5,
    ".zarr": write_zarr,
}
