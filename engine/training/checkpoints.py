"""State of a training run and its Orbax checkpoints, from which an interrupted run continues."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError, output_errors
from .history import History

# Smallest increase of the validation alignment that counts as an improvement.
MIN_DELTA = 1e-3


class Run(NamedTuple):
    """State of a training run.

    Args:
        params: of the student, and of the heads that training adds to it.
        state: of the optimiser.
        best: the parameters with the best validation alignment.
        history: of all measurements.
        step: number of steps done.
        best_step: number of steps of the best parameters.
        best_alignment: validation CKA of the best parameters, averaged over teachers.
        alignment: the last validation CKA, averaged over teachers.
    """

    params: Any
    state: Any
    best: Any
    history: History
    step: int = 0
    best_step: int = 0
    best_alignment: float = -np.inf
    alignment: float = np.nan

    def measured(self, step: int, values: Mapping[str, Any], loss: float, aligned: bool) -> Run:
        """Add a measurement to the history and, if the student is trained for alignment, keep the best parameters.

        Args:
            step: number of steps done.
            values: as of `AlignmentMonitor.measure`.
            loss: mean loss since the last measurement.
            aligned: whether there is an alignment loss.
        """
        self.history.add(step, values, loss=loss)
        alignment = float(np.mean([float(v) for v in values["cka"].values()]))
        run = self._replace(alignment=alignment)
        if aligned and alignment > self.best_alignment + MIN_DELTA:
            run = run._replace(best=self.params, best_step=step, best_alignment=alignment)
        return run

    def stale(self, patience: int) -> bool:
        """Return whether ``patience`` measurements have passed since the best one; never for a patience of 0."""
        since = sum(step > self.best_step for step in self.history.rows)
        return bool(patience and np.isfinite(self.best_alignment) and since >= patience)


class Checkpoints:
    """Checkpoints in a folder, of which the last two are kept; each is written atomically.

    Args:
        folder: created if missing; None for no checkpoints.
        mark: fingerprint of the run.

    Raises:
        OutputError: the folder cannot be created.
    """

    def __init__(self, folder: str | Path | None, mark: str) -> None:
        self.mark, self._manager = mark, None
        if folder is not None:
            import orbax.checkpoint as ocp

            self._ocp = ocp
            logging.getLogger("absl").addFilter(_is_no_thread_error)
            # Synchronous, so that a measurement is saved before the next step begins.
            options = ocp.CheckpointManagerOptions(
                max_to_keep=2, create=True, enable_async_checkpointing=False, cleanup_tmp_directories=True
            )
            self.folder = Path(folder).absolute()
            with output_errors(self.folder):
                self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._manager is not None:
            self._manager.close()

    def save(self, run: Run) -> None:
        """Write a checkpoint of a run.

        Raises:
            OutputError: the checkpoint cannot be written.
        """
        if self._manager is None:
            return
        metadata = {
            "mark": self.mark,
            "history": [[step, row] for step, row in run.history.rows.items()],
            "best_step": run.best_step,
            "best_alignment": run.best_alignment,
            "alignment": run.alignment,
        }
        args, tree = self._ocp.args, self._tree(run)
        items = args.Composite(state=args.StandardSave(tree), about=args.JsonSave(metadata))
        with output_errors(self.folder):
            self._manager.save(run.step, args=items)

    def last(self, run: Run) -> Run:
        """Restore the run from the last checkpoint; without one, return it unchanged.

        Raises:
            ValueError: the folder contains a run with other data or settings.
        """
        step = None if self._manager is None else self._manager.latest_step()
        if step is None or self._manager is None:
            return run
        args = self._ocp.args
        metadata = self._manager.restore(step, args=args.Composite(about=args.JsonRestore()))["about"]
        if metadata["mark"] != self.mark:
            raise InputError(
                f"{self.folder} contains a run with other data or settings: remove it or use another folder"
            )
        state = args.StandardRestore(self._tree(run))
        tree = self._manager.restore(step, args=args.Composite(state=state))["state"]
        run.history.rows = {int(row_step): dict(row) for row_step, row in metadata["history"]}
        numbers = {name: metadata[name] for name in ("best_step", "best_alignment", "alignment")}
        return run._replace(**tree, **numbers, step=step)

    @staticmethod
    def _tree(run: Run) -> dict[str, Any]:
        return {"params": run.params, "state": run.state, "best": run.best}


def _is_no_thread_error(record: logging.LogRecord) -> bool:
    # Threads of Orbax log their errors with a traceback, possibly after the save has raised the same error.
    return "_SignalingThread.run() raised an exception" not in record.getMessage()
