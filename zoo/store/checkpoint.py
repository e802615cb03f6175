"""A folder of arrays and metadata, committed atomically by Orbax and read without it."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from ..embeddings import read_array

COMMITTED = "commit_success.txt"
UNFINISHED = ".orbax-checkpoint-tmp"
ABOUT_SHA256 = "about_sha256"  # of the other metadata


def write_folder(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write ``arrays/NAME`` as Zarr v3 and ``about/about.json``, atomically.

    The folder is written under a temporary name and renamed when it is complete. The metadata include the SHA-256 of
    every array and of themselves.

    Args:
        path: the folder; must not exist yet.
        arrays: name -> floating array of any precision; the dtype is kept.
        about: metadata; must be JSON serialisable.
    """
    with _quiet():
        import orbax.checkpoint as ocp

        handler = ocp.CompositeCheckpointHandler(
            arrays=ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_zarr3=True),
            about=ocp.JsonCheckpointHandler(filename="about.json"),
        )
        hashes = {name: _sha256(array) for name, array in arrays.items()}
        # As it will be read: JSON has neither tuples nor keys that are numbers.
        whole = json.loads(json.dumps({**about, "sha256": hashes}))
        items: dict[str, Any] = {"about": ocp.args.JsonSave({**whole, ABOUT_SHA256: _text_sha256(whole)})}
        if arrays:
            items["arrays"] = ocp.args.PyTreeSave(dict(arrays))
        with ocp.Checkpointer(handler) as checkpointer:
            checkpointer.save(path.absolute(), ocp.args.Composite(**items))


def is_whole(path: Path) -> bool:
    """Return whether a folder was committed."""
    return (path / COMMITTED).is_file() and UNFINISHED not in path.name


def read_about(path: Path) -> dict[str, Any]:
    """Read the metadata of a committed folder.

    Raises:
        ValueError: they are damaged. Folders of earlier releases have no hash of the metadata.
        OSError: they are missing.
    """
    about = json.loads((path / "about" / "about.json").read_text("utf-8"))
    if not isinstance(about, dict) or "sha256" not in about:
        raise InputError(f"the metadata of {path} are damaged")
    sha256 = about.pop(ABOUT_SHA256, None)
    if sha256 not in (None, _text_sha256(about)):
        raise InputError(f"the metadata of {path} have changed since they were written")
    return about


def read_arrays(path: Path, about: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read the arrays of a committed folder. Needs TensorStore only; JAX is not started.

    Raises:
        ValueError: an array cannot be read, or its hash differs from the stored one.
    """
    arrays = {name: read_array(path / "arrays" / name) for name in about["sha256"]}
    for name, array in arrays.items():
        if _sha256(array) != about["sha256"][name]:
            raise InputError(f"{path / 'arrays' / name} has changed since it was written")
    return arrays


def describe(path: Path, dimensions: Mapping[str, Sequence[str]], attributes: Mapping[str, Any]) -> None:
    """Write the metadata that make the arrays of a folder a Zarr group with named dimensions, as xarray needs."""
    for name, names in dimensions.items():
        file = path / "arrays" / name / "zarr.json"
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"dimension_names": names}), "utf-8")
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (path / "arrays" / "zarr.json").write_text(json.dumps(group), "utf-8")


def _text_sha256(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()


def clean(folder: Path) -> None:
    """Remove unfinished folders that a killed process left behind."""
    for item in folder.glob(f"*{UNFINISHED}*"):
        shutil.rmtree(item, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    # At each save of plain Zarr, Orbax warns that there are no OCDBT files to merge.
    loggers = [logging.getLogger(name) for name in ("absl", "orbax")]
    loggers[0].addFilter(_is_no_thread_error)
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _is_no_thread_error(record: logging.LogRecord) -> bool:
    # Threads of Orbax log their errors with a traceback, possibly after the save has raised the same error.
    return "_SignalingThread.run() raised an exception" not in record.getMessage()
