"""Intermediate results of a comparison in a folder, from which an interrupted one continues."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .errors import output_errors
from .processes import smallest
from .version import version


class Checkpoint:
    """A folder of named results, each written by Orbax under a temporary name and renamed.

    Results of other inputs are under other names, see `of`, so that a folder may be used for any number of comparisons.

    Args:
        folder: created at the first write.
        shared: whether several processes divide the work of a comparison; only the one of rank 0 then writes.

    Raises:
        OutputError: a result cannot be written.
    """

    def __init__(self, folder: str | Path, *, shared: bool = False) -> None:
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
        """Read a result, or return None where it is not there, for one of the processes that share the work."""
        path = self.folder / name
        if not (smallest(path.is_dir()) if self.shared else path.is_dir()):
            return None
        rank = jax.process_index()
        ocp = _orbax()
        with ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**_only(rank)), **_only(rank)) as checkpointer:
            names = list(checkpointer.metadata(path).item_metadata.keys())
            restore = {key: ocp.RestoreArgs(restore_type=np.ndarray) for key in names}
            found: dict[str, np.ndarray] = checkpointer.restore(path, ocp.args.PyTreeRestore(restore_args=restore))
        return found

    def save(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a result, under a name that it does not have yet."""
        if self.shared and jax.process_index() > 0:
            return
        ocp, own = _orbax(), _only(jax.process_index())
        with (
            output_errors(self.folder),
            ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**own), **own) as checkpointer,
        ):
            checkpointer.save(self.folder / name, ocp.args.PyTreeSave(dict(arrays)), force=True)

    def saved(self, name: str, compute: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
        """Read a result, or compute it and write it."""
        found: Mapping[str, np.ndarray] | None = self.load(name)
        if found is None:
            found = compute()
            self.save(name, found)
        return found

    def remove(self) -> None:
        """Remove what `of` has returned, once the comparison is complete, and the folder if nothing else is in it."""
        if jax.process_index() == 0 or not self.shared:
            for folder in self._used:
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()


@functools.cache
def _orbax() -> Any:
    import orbax.checkpoint as ocp  # takes seconds

    return ocp


def _only(rank: int) -> dict[str, Any]:
    """Return the options of Orbax by which one process acts without the others."""
    options = _orbax().options.MultiprocessingOptions(primary_host=rank, active_processes={rank})
    return {"multiprocessing_options": options}
