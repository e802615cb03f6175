"""Embeddings in folders: Zarr groups, Hugging Face data sets, parts of a table, one file per sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..._errors import InputError
from ..content import Content, Selection
from .arrow_tables import HUGGING_FACE, read_hugging_face, read_parquet_folder, splits_of
from .numpy_files import load_npy
from .torch_files import is_esm_sample, load_vector, read_esm_folder
from .zarr_groups import ZARR_MARKERS, read_zarr

PER_SAMPLE = (".pt", ".pth", ".npy")


def is_folder_of_embeddings(folder: Path) -> bool:
    """Return whether `read_folder` knows what a folder is, by the names in it."""
    return (
        folder.suffix.lower() == ".zarr"
        or any((folder / name).is_file() for name in (*ZARR_MARKERS, HUGGING_FACE, "dataset_dict.json"))
        or bool(_with_suffix(folder, (*PER_SAMPLE, ".parquet")))
    )


def read_folder(folder: Path, selection: Selection) -> Content:
    """Read a folder by what is in it.

    Raises:
        ValueError: none of the known kinds of folders, or several data sets.
    """
    if folder.suffix.lower() == ".zarr" or any((folder / name).is_file() for name in ZARR_MARKERS):
        return read_zarr(folder, selection)
    if (folder / HUGGING_FACE).is_file():
        return read_hugging_face(folder, selection)
    if (folder / "dataset_dict.json").is_file():
        raise InputError(f"contains several data sets, each a folder: give one of them: {splits_of(folder)}")
    tables = _with_suffix(folder, (".parquet",))
    if tables:
        return read_parquet_folder(tables, selection)
    samples = _with_suffix(folder, PER_SAMPLE)
    if not samples:
        raise InputError(
            "contains no embeddings: a folder must be a Zarr group, a data set of Hugging Face, parts of a .parquet "
            "table, or one .pt or .npy file per sample"
        )
    if samples[0].suffix.lower() != ".npy" and is_esm_sample(samples[0]):
        return read_esm_folder(samples, selection)
    selection.only()
    return _one_vector_per_file(samples)


def _with_suffix(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return [p for p in files if p.suffix.lower() in suffixes and not p.name.endswith(".ids.npy")]


def _one_vector_per_file(paths: Sequence[Path]) -> Content:
    rows = []
    for path in paths:
        array = load_npy(path) if path.suffix.lower() == ".npy" else load_vector(path)
        if array.ndim != 1 and array.shape[:1] != (1,):
            raise InputError(
                f"{path.name} has the shape {list(array.shape)}: in a folder of files each must be the vector of one "
                "sample; if its rows are samples, give the file instead of the folder"
            )
        rows.append(np.asarray(array).reshape(-1))
        if len(rows[-1]) != len(rows[0]):
            raise InputError(f"{path.name} has {len(rows[-1])} numbers, but {paths[0].name} has {len(rows[0])}")
    return Content(
        np.stack(rows), [p.stem for p in paths], features_from="one vector per file", ids_from="the names of the files"
    )
