"""Output files of commands: nothing is replaced that hyle did not write, and no folder is made by a typo."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from hyle.zoo import HyleError, OutputError, read_embeddings

F = TypeVar("F", bound=Callable[..., Any])
# In the head of every page.
GENERATOR = '<meta name="generator" content="hyle'
# The start of a file in which its mark is.
HEAD = 16_384


def replace_option(function: F) -> F:
    """Add ``--replace``: replace an output file that hyle did not write."""
    return click.option(
        "--replace", "replace_output", is_flag=True, help="Replace what is at --output even if hyle did not write it."
    )(function)


@dataclass(frozen=True)
class Output:
    """An output that may be written.

    Args:
        path: the file, or the main file of a folder.
        existed: whether it replaces what a command has written before.
    """

    path: Path
    existed: bool

    def written(self, path: Path | None = None) -> str:
        """Return the line that reports the output: ``wrote PATH`` or ``replaced PATH``."""
        return f"{'replaced' if self.existed else 'wrote'} {path or self.path}"


def check_file(path: Path, *, replace: bool = False, companions: Sequence[Path] = ()) -> Output:
    """Check an output file before anything is computed.

    Args:
        path: the file.
        replace: whether a file that hyle did not write may be replaced.
        companions: further files that are written with it.

    Raises:
        OutputError: its folder does not exist or cannot be written, it is a folder or an input of the command, or it
            was not written by hyle.
    """
    check_parent(path)
    if path.is_dir() and path.suffix != ".zarr":
        raise OutputError(f"cannot write {path}: it is a folder, not a file")
    existing = [each for each in (path, *companions) if each.exists()]
    for each in existing:
        if is_input(each):
            raise OutputError(f"cannot write {each}: it is also an input of this command; name another file")
        if not replace and not _is_empty(each) and not written_by_hyle(each):
            raise OutputError(
                f"cannot write {each}: it exists, and nothing in it shows that hyle wrote it; name another file, or "
                "replace it with --replace"
            )
    return Output(path, bool(existing))


def check_folder(
    folder: Path,
    files: Sequence[str],
    others: Sequence[str] = (),
    *,
    replace: bool = False,
    source: Path | None = None,
) -> Output:
    """Check an output folder before anything is computed.

    A folder with other files is accepted, because they are left as they are.

    Args:
        folder: the folder; made later if it does not exist.
        files: names of files that are written into it, of kinds that `written_by_hyle` knows, the main one first.
        others: names of further files and folders that are written into it, which are hyle's if one of `files` is.
        replace: whether files that hyle did not write may be replaced.
        source: the input that is written again, which may be in the folder.

    Raises:
        OutputError: its parent does not exist, it is a file or named like a page, or it has a file or folder of one of
            the names that is another input or was not written by hyle.
    """
    check_parent(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write {folder}: it is a file, not a folder")
    if folder.suffix.lower() in (".html", ".htm") and not folder.exists():
        raise OutputError(
            f"cannot write {folder}: the output is a folder with {files[0]} in it; name a folder, such as "
            f"-o {shlex.quote(str(folder.with_suffix('')))}"
        )
    present = [folder / name for name in files if (folder / name).exists()]
    for path in present:
        if is_input(path) and (source is None or not _same(str(source), path)):
            raise OutputError(f"cannot write {folder}: {path} is also an input of this command; name another folder")
    strange = [path for path in present if not written_by_hyle(path)]
    if not present:
        paths = [folder / name for name in others]
        strange = [path for path in paths if path.exists() and not _is_empty(path)]
    if strange and not replace:
        raise OutputError(
            f"cannot write {folder}: {strange[0]} exists, and nothing in it shows that hyle wrote it; name another "
            "folder, or replace it with --replace"
        )
    return Output(folder / files[0], bool(present))


def written_by_hyle(path: Path) -> bool:
    """Return whether a file says that hyle wrote it.

    Comparisons and histories (.nc), tables of scores (.csv), results (.json) and reports (.html) contain the version of
    hyle; files of embeddings contain the recipe. Embeddings as .npy and .csv, and text files, have no place for either.
    """
    try:
        if path.suffix == ".html":
            return GENERATOR.encode() in _head(path)
        if path.suffix == ".csv":
            return "hyle_version" in _head(path).partition(b"\n")[0].decode().split(",")
        if path.suffix == ".json":
            return _has_version(json.loads(path.read_text("utf-8")))
        if path.suffix == ".nc":
            return _is_hyle_netcdf(path)
        return "dataset_version" in read_embeddings(path).recipe
    except (OSError, ValueError, RecursionError, HyleError):
        return False


def with_generator(page: str) -> str:
    """Return an HTML page that says that hyle wrote it."""
    mark = f'{GENERATOR} {importlib.metadata.version("hyle")}">'
    return page if GENERATOR in page[:HEAD] else page.replace("<head>", f"<head>\n{mark}", 1)


def is_input(path: Path) -> bool:
    """Return whether an argument of this process, other than the value of --output, names the same file."""
    arguments, previous = [], ""
    for argument in sys.argv[1:]:
        if previous not in ("-o", "--output"):
            name, _, value = argument.partition("=")
            arguments.append(value if name.startswith("--") and name != "--output" else argument)
        previous = argument
    return any(_same(argument, path) for argument in arguments)


def _same(argument: str, path: Path) -> bool:
    try:
        return path.samefile(argument)
    except (OSError, ValueError):
        return False


def check_parent(path: Path) -> None:
    """Check that an output can be made in its folder.

    Raises:
        OutputError: the folder does not exist, is a file, or is not writable.
    """
    parent = path.parent
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write {path}: {folder} is a file, not a folder")
    if not parent.exists():
        raise OutputError(
            f"cannot write {path}: there is no folder {parent}; to make it: mkdir -p {shlex.quote(str(parent))}"
        )
    if not os.access(parent, os.W_OK):
        raise OutputError(f"cannot write {path}: the folder {parent.absolute()} is not writable")


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD)


def _has_version(data: Any) -> bool:
    """Return whether ``hyle_version`` is a key of a result, of its recipe, or of one of its sets."""
    levels = [data] if isinstance(data, Mapping) else []
    for _ in range(3):
        if any("hyle_version" in level for level in levels):
            return True
        levels = [value for level in levels for value in level.values() if isinstance(value, Mapping)]
    return False


def _is_hyle_netcdf(path: Path) -> bool:
    import h5py

    with h5py.File(path, "r") as file:
        return "hyle_version" in file.attrs


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0
