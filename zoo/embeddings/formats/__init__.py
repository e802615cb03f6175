"""One module per kind of file of embeddings; `READERS` and `WRITERS` map suffixes to functions."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ..content import Content, Selection
from .anndata_files import read_h5ad
from .arrow_tables import read_arrow, read_parquet, write_parquet
from .folders import is_folder_of_embeddings as is_folder_of_embeddings
from .folders import read_folder as read_folder
from .hdf5 import read_h5, write_h5
from .json_lines import read_json_lines
from .numpy_files import read_ids as read_ids
from .numpy_files import read_npy, read_npz, write_npy, write_npz
from .numpy_files import write_ids as write_ids
from .safetensors_files import read_safetensors, write_safetensors
from .text_tables import read_text_table, write_csv
from .torch_files import read_torch
from .zarr_groups import ZARR_MARKERS as ZARR_MARKERS
from .zarr_groups import read_array as read_array
from .zarr_groups import read_zarr, write_zarr

READERS: Mapping[str, Callable[[Path, Selection], Content]] = {
    ".npz": read_npz,
    ".npy": read_npy,
    ".parquet": read_parquet,
    ".safetensors": read_safetensors,
    ".csv": read_text_table,
    ".tsv": read_text_table,
    ".h5": read_h5,
    ".hdf5": read_h5,
    ".zarr": read_zarr,
    ".pt": read_torch,
    ".pth": read_torch,
    ".feather": read_arrow,
    ".arrow": read_arrow,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".h5ad": read_h5ad,
}
# Text formats, which may be compressed.
PACKABLE = (".csv", ".tsv", ".jsonl", ".ndjson")

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
