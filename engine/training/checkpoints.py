"""The state of a run, and its checkpoints by Orbax: what a killed run goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError
from .history import History

# By how much held-out alignment must rise to count as better.
MIN_DELTA = 1e-3


class Run(NamedTuple):
    """The state of a run.

    Args:
        params: of the student, and what training adds to it.
        state: of the optimiser.
        best: the parameters of the best alignment held out.
        history: of all measurements.
        step: steps done.
        best_step: after which the best were measured.
        best_alignment: CKA held out, the mean over teachers, of these.
        alignment: the last one measured.
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
        """Note a measurement; where the student is to be aligned, the best one is kept."""
        self.history.add(step, values, loss=loss)
        found = float(np.mean([float(v) for v in values["cka"].values()]))
        run = self._replace(alignment=found)
        if aligned and found > self.best_alignment + MIN_DELTA:
            run = run._replace(best=self.params, best_step=step, best_alignment=found)
        return run

    def stale(self, patience: int) -> bool:
        """Whether so many measurements were no better than the best."""
        since = sum(step > self.best_step for step in self.history.rows)
        return bool(patience and np.isfinite(self.best_alignment) and since >= patience)


class Checkpoints:
    """The checkpoints in a folder, of which the last two are kept; each appears whole or not at all.

    Args:
        folder: made where it is missing; None keeps nothing.
        mark: names the run.
    """

    def __init__(self, folder: str | Path | None, mark: str) -> None:
        self.mark, self._manager = mark, None
        if folder is not None:
            import orbax.checkpoint as ocp

            self._ocp = ocp
            # Not behind the training's back: what was measured is safe when the next step begins.
            options = ocp.CheckpointManagerOptions(
                max_to_keep=2, create=True, enable_async_checkpointing=False, cleanup_tmp_directories=True
            )
            self.folder = Path(folder).absolute()
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._manager is not None:
            self._manager.close()

    def save(self, run: Run) -> None:
        """Keep a run after a measurement."""
        if self._manager is None:
            return
        about = {
            "mark": self.mark,
            "history": [[step, row] for step, row in run.history.rows.items()],
            "best_step": run.best_step,
            "best_alignment": run.best_alignment,
            "alignment": run.alignment,
        }
        args, tree = self._ocp.args, self._tree(run)
        self._manager.save(run.step, args=args.Composite(state=args.StandardSave(tree), about=args.JsonSave(about)))

    def last(self, run: Run) -> Run:
        """Return the run as it was at the last checkpoint, or as it is where there is none.

        Raises:
            ValueError: the folder holds a run of other data or settings.
        """
        step = None if self._manager is None else self._manager.latest_step()
        if step is None or self._manager is None:
            return run
        args = self._ocp.args
        about = self._manager.restore(step, args=args.Composite(about=args.JsonRestore()))["about"]
        if about["mark"] != self.mark:
            raise InputError(f"{self.folder} holds a run of other data or settings: remove it, or take another folder")
        state = args.StandardRestore(self._tree(run))
        tree = self._manager.restore(step, args=args.Composite(state=state))["state"]
        run.history.rows = {int(at): dict(row) for at, row in about["history"]}
        known = {name: about[name] for name in ("best_step", "best_alignment", "alignment")}
        return run._replace(**tree, **known, step=step)

    @staticmethod
    def _tree(run: Run) -> dict[str, Any]:
        return {"params": run.params, "state": run.state, "best": run.best}
