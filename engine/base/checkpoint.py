"""Intermediate results of a comparison in a folder, from which an interrupted one continues."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .errors import InputError, check_local, output_errors
from .processes import smallest
from .version import version


class Checkpoint:
    """A folder of named results, each written by Orbax under a name of its own and renamed.

    Results of other inputs are under other names, see `of`, so that a folder may be used for any number of comparisons,
    also at the same time: whoever writes a result that is there already drops it, since it is the same.

    Args:
        folder: created at the first write.
        shared: whether several processes divide the work of a comparison; only the one of rank 0 then writes.

    Raises:
        ValueError: an address, or no name.
        OutputError: a result cannot be written.
    """

    def __init__(self, folder: str | Path, *, shared: bool = False) -> None:
        check_local(folder)
        if not os.fspath(folder):
            raise InputError("the folder of a checkpoint has no name")
        self.folder, self.shared = Path(folder).expanduser().absolute(), shared
        self._used: set[Path] = set()

    def of(self, *inputs: Any) -> Checkpoint:
        """Return a checkpoint within this one for some inputs: arrays, and anything with a `repr` of its own."""
        digest = hashlib.sha256(f"hyle {version()}, jax {jax.__version__}".encode())
        for value in inputs:
            if isinstance(value, np.ndarray | jax.Array):
                array = np.ascontiguousarray(np.asarray(value))
                digest.update(f"{array.dtype.str} {array.shape}".encode())
                digest.update(array.reshape(-1).view(np.uint8).data)
            else:
                digest.update(repr(value).encode())
        within = Checkpoint(self.folder / digest.hexdigest()[:32], shared=self.shared)
        self._used.add(within.folder)
        return within

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Read a result, or return None if it is not there, for one of the processes that share the work.

        Warns:
            UserWarning: it is damaged, and is computed again.
        """
        path = self.folder / name
        found, damage = None, None
        if path.is_dir():
            try:
                found = _read(path)
            # Which error a damaged file raises depends on where it is damaged.
            except Exception as error:
                damage = error
        if self.shared and not smallest(found is not None):
            found = None
        if damage is not None:
            warnings.warn(f"{path} is damaged, and is computed again ({type(damage).__name__})", stacklevel=2)
            shutil.rmtree(path, ignore_errors=True)
        return found

    def save(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a result, unless it is there."""
        if self.shared and jax.process_index() > 0:
            return
        path, own = self.folder / name, self.folder / f"{name}.{os.getpid()}-{os.urandom(8).hex()}"
        with output_errors(self.folder):
            _write(own, arrays)
            try:
                own.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
                shutil.rmtree(own, ignore_errors=True)

    def saved(self, name: str, compute: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
        """Read a result, or compute it and write it."""
        found: Mapping[str, np.ndarray] | None = self.load(name)
        if found is None:
            found = compute()
            self.save(name, found)
        return found

    def drop(self, name: str) -> None:
        """Remove a result, if it is there."""
        if jax.process_index() == 0 or not self.shared:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def remove(self) -> None:
        """Remove what `of` has returned, once the comparison is complete, and the folder if nothing else is in it."""
        if jax.process_index() == 0 or not self.shared:
            for folder in self._used:
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()


def _read(path: Path) -> dict[str, np.ndarray]:
    with _checkpointer() as (ocp, checkpointer):
        names = list(checkpointer.metadata(path).item_metadata.keys())
        restore = {key: ocp.RestoreArgs(restore_type=np.ndarray) for key in names}
        found: dict[str, np.ndarray] = checkpointer.restore(path, ocp.args.PyTreeRestore(restore_args=restore))
    return found


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with _checkpointer() as (ocp, checkpointer):
        checkpointer.save(path, ocp.args.PyTreeSave(dict(arrays)))


@functools.cache
def _orbax() -> Any:
    import orbax.checkpoint as ocp  # takes seconds

    return ocp


@contextmanager
def _checkpointer() -> Iterator[tuple[Any, Any]]:
    """Open a checkpointer of this process alone, without its notes on folders that interrupted runs have left."""
    ocp, rank, logger = _orbax(), jax.process_index(), logging.getLogger("absl")
    options = ocp.options.MultiprocessingOptions(primary_host=rank, active_processes={rank})

    def is_error(record: logging.LogRecord) -> bool:  # a function of this call, since threads save at the same time
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=options)
        with ocp.Checkpointer(handler, multiprocessing_options=options) as checkpointer:
            yield ocp, checkpointer
    finally:
        logger.removeFilter(is_error)
