"""State of a training run and its Orbax checkpoints, from which an interrupted run continues."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError, output_errors
from .history import History
from .settings import Select

# Smallest improvements that count: of the validation CKA, and of the error of the label, relative to the smallest one.
MIN_DELTA = 1e-3


class OtherRunError(InputError):
    """A folder that contains the checkpoints of a run with other data or settings.

    Args:
        folder: the folder.
        differs: names of the settings and data that differ.
    """

    def __init__(self, folder: Path, differs: Sequence[str]) -> None:
        super().__init__(
            f"{folder} contains a run with other data or settings ({', '.join(differs)}): remove it or use another "
            "folder"
        )
        self.differs = tuple(differs)


class Run(NamedTuple):
    """State of a training run.

    Args:
        params: of the student, and of the heads that training adds to it.
        state: of the optimiser.
        best: the best parameters so far by what they are selected by.
        history: of all measurements.
        step: number of steps done.
        best_step: number of steps of the best parameters.
        best_score: validation CKA of the best parameters, averaged over teachers, or minus their error of the label.
        alignment: the last validation CKA, averaged over teachers.
    """

    params: Any
    state: Any
    best: Any
    history: History
    step: int = 0
    best_step: int = 0
    best_score: float = -np.inf
    alignment: float = np.nan

    def measured(self, step: int, values: Mapping[str, Any], loss: float, select: Select) -> Run:
        """Add a measurement to the history, and keep the parameters if they are the best so far.

        Args:
            step: number of steps done.
            values: as of `AlignmentMonitor.measure`, and ``label_mae`` where a label is learned.
            loss: mean loss since the last measurement.
            select: what the parameters are selected by.
        """
        self.history.add(step, values, loss=loss)
        alignment = float(np.mean([float(v) for v in values["cka"].values()]))
        run = self._replace(alignment=alignment)
        if select == "last":
            return run._replace(best=self.params, best_step=step)
        if select == "label":
            score, margin = -float(values["label_mae"]), MIN_DELTA * abs(self.best_score)
        else:
            score, margin = alignment, MIN_DELTA
        if score > self.best_score + margin or (np.isfinite(score) and not np.isfinite(self.best_score)):
            run = run._replace(best=self.params, best_step=step, best_score=score)
        return run

    def stale(self, patience: int) -> bool:
        """Return whether ``patience`` measurements have passed since the best one; never for a patience of 0."""
        since = sum(step > self.best_step for step in self.history.rows)
        return bool(patience and np.isfinite(self.best_score) and since >= patience)


class Checkpoints:
    """Checkpoints in a folder, of which the last two are kept; each is written atomically.

    Args:
        folder: created if missing; None for no checkpoints.
        marks: name -> fingerprint, of each part of the run that a checkpoint must have in common with it.

    Raises:
        OutputError: the folder cannot be created.
    """

    def __init__(self, folder: str | Path | None, marks: Mapping[str, str]) -> None:
        self.marks, self._manager = dict(marks), None
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
        """Write a checkpoint of a run; Ctrl-C takes effect once it is written.

        Raises:
            OutputError: the checkpoint cannot be written.
        """
        if self._manager is None:
            return
        metadata = {
            "marks": self.marks,
            "history": [[step, row] for step, row in run.history.rows.items()],
            "best_step": run.best_step,
            "best_score": run.best_score,
            "alignment": run.alignment,
        }
        args, tree = self._ocp.args, self._tree(run)
        items = args.Composite(state=args.StandardSave(tree), about=args.JsonSave(metadata))
        with output_errors(self.folder), _interrupts_later():
            self._manager.save(run.step, args=items)

    def last(self, run: Run) -> Run:
        """Restore the run from the last checkpoint; without one, return it unchanged.

        Raises:
            OtherRunError: the folder contains a run with other data or settings.
        """
        step = None if self._manager is None else self._manager.latest_step()
        if step is None or self._manager is None:
            return run
        args = self._ocp.args
        metadata = self._manager.restore(step, args=args.Composite(about=args.JsonRestore()))["about"]
        marks = metadata.get("marks", {})
        differs = [name for name in {**self.marks, **marks} if marks.get(name) != self.marks.get(name)]
        if differs:
            raise OtherRunError(self.folder, differs)
        state = args.StandardRestore(self._tree(run))
        tree = self._manager.restore(step, args=args.Composite(state=state))["state"]
        run.history.rows = {int(row_step): dict(row) for row_step, row in metadata["history"]}
        numbers = {name: metadata[name] for name in ("best_step", "best_score", "alignment")}
        return run._replace(**tree, **numbers, step=step)

    @staticmethod
    def _tree(run: Run) -> dict[str, Any]:
        return {"params": run.params, "state": run.state, "best": run.best}


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold back Ctrl-C until the body is done: threads of Orbax that it cuts off end with tracebacks of their own."""
    if threading.current_thread() is not threading.main_thread():  # Python delivers Ctrl-C to the main thread alone
        yield
        return
    received: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if received:
        signal.raise_signal(signal.SIGINT)


def _is_no_thread_error(record: logging.LogRecord) -> bool:
    # Threads of Orbax log their errors with a traceback, possibly after the save has raised the same error.
    return "_SignalingThread.run() raised an exception" not in record.getMessage()
