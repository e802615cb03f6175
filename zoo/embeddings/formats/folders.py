"""Embeddings in folders: Zarr groups, Hugging Face data sets, parts of a table, one file per sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...base import InputError, shorten_names
from ..content import Content, Selection
from .arrow_tables import HUGGING_FACE, read_hugging_face, read_parquet_folder, splits_of
from .numpy_files import load_npy
from .torch_files import is_esm_sample, load_vector, read_esm_folder
from .zarr_groups import ZARR_MARKERS, read_zarr

PER_SAMPLE = (".pt", ".pth", ".npy")
STATE = "state.json"  # of a data set of Hugging Face: its files


def is_folder_of_embeddings(folder: Path) -> bool:
    """Return whether `read_folder` knows what a folder is, by the names in it."""
    return (
        folder.suffix.lower() == ".zarr"
        or any((folder / name).is_file() for name in (*ZARR_MARKERS, HUGGING_FACE, "dataset_dict.json"))
        or bool(_with_suffix(folder, (*PER_SAMPLE, ".parquet")))
        or any(_with_suffix(part, (".parquet",)) for part in _subfolders(folder) if _is_partition(part))
    )


def read_folder(folder: Path, selection: Selection) -> Content:
    """Read a folder by what is in it.

    Raises:
        ValueError: none of the known kinds of folders, or several data sets.
    """
    if folder.suffix.lower() == ".zarr" or any((folder / name).is_file() for name in ZARR_MARKERS):
        return read_zarr(folder, selection)
    if (folder / HUGGING_FACE).is_file():
        _check_state(folder)
        return read_hugging_face(folder, selection)
    if (folder / "dataset_dict.json").is_file():
        raise InputError(f"contains several data sets, each a folder: give one of them: {splits_of(folder)}")
    tables = _parts(folder)
    _check_links(folder, tables)
    if tables:
        return read_parquet_folder(tables, selection)
    samples = _deep(folder, PER_SAMPLE)
    _check_links(folder, samples)
    if not samples:
        raise InputError(
            "contains no embeddings: a folder must be a Zarr group, a data set of Hugging Face, parts of a .parquet "
            "table, or one .pt or .npy file per sample"
        )
    if samples[0].suffix.lower() != ".npy" and is_esm_sample(samples[0]):
        return read_esm_folder(folder, samples, selection)
    selection.only()
    return _one_vector_per_file(folder, samples)


def _check_state(folder: Path) -> None:
    """Check the list of the files of a data set of Hugging Face."""
    problem = ""
    try:
        state = json.loads((folder / STATE).read_text("utf-8"))
        files = [part["filename"] for part in state["_data_files"]]
        if not files or not all(isinstance(name, str) for name in files):
            problem = "names no files"
    except FileNotFoundError:
        problem = "is missing"
    except (ValueError, TypeError, KeyError):
        problem = "is damaged"
    if problem:
        raise InputError(f"is a data set of Hugging Face, but its {STATE} {problem}: save it again with save_to_disk")


def _parts(folder: Path) -> list[Path]:
    """Return the parts of a table, also those in subfolders such as ``split=train``, in the order of their paths.

    Raises:
        ValueError: there are also tables in subfolders with other names, which may be other tables.
    """
    here = _with_suffix(folder, (".parquet",))
    # Programs that write tables keep their own files under names with an underscore.
    subfolders = [part for part in _subfolders(folder) if not part.name.startswith("_")]
    parts = sorted([*here, *(path for part in subfolders if _is_partition(part) for path in _parts(part))])
    others = [part.name for part in subfolders if not _is_partition(part) and _deep(part, (".parquet",))]
    if parts and others:
        raise InputError(
            f"contains .parquet files, and others in {shorten_names(others, 8)}: are they parts of one table? If so, "
            "move them into one folder; else give one of the folders"
        )
    return parts


def _is_partition(folder: Path) -> bool:
    return "=" in folder.name


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def _with_suffix(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if not p.is_dir() and not p.name.startswith("."))
    return [p for p in files if p.suffix.lower() in suffixes and not p.name.endswith(".ids.npy")]


def _deep(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files with some suffixes in a folder and its subfolders: a slash in an id makes a subfolder."""
    seen = set()  # a link may lead back

    def walk(part: Path) -> Iterator[Path]:
        if part.resolve() not in seen:
            seen.add(part.resolve())
            yield from _with_suffix(part, suffixes)
            for sub in _subfolders(part):
                yield from walk(sub)

    return sorted(walk(folder))


def _check_links(folder: Path, paths: Sequence[Path]) -> None:
    """Check that no file is a broken link, which would otherwise be ignored."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path.relative_to(folder).as_posix()} is a broken link")


def _one_vector_per_file(folder: Path, paths: Sequence[Path]) -> Content:
    rows, names = [], [path.relative_to(folder).as_posix() for path in paths]
    for path, name in zip(paths, names, strict=True):
        try:
            array = load_npy(path) if path.suffix.lower() == ".npy" else load_vector(path)
        except InputError as error:
            raise InputError(str(error) if path.name in str(error) else f"{name}: {error}") from error
        if array.ndim != 1 and array.shape[:1] != (1,):
            raise InputError(
                f"{name} has the shape {list(array.shape)}: in a folder of files each must be the vector of one "
                "sample; if its rows are samples, give the file instead of the folder"
            )
        rows.append(np.asarray(array).reshape(-1))
        if len(rows[-1]) != len(rows[0]):
            raise InputError(f"{name} has {len(rows[-1])} numbers, but {names[0]} has {len(rows[0])}")
    ids = [name.removesuffix(path.suffix) for path, name in zip(paths, names, strict=True)]
    return Content(np.stack(rows), ids, features_from="one vector per file", ids_from="the names of the files")
