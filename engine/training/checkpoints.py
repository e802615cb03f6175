"""Checkpoints of a run, by Orbax: what a killed run goes on from."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .distillation import _Run


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
            options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True)
            self.folder = Path(folder).absolute()
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._manager is not None:
            self._manager.close()  # which waits for what is being written

    def save(self, run: _Run) -> None:
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

    def last(self, run: _Run) -> _Run:
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
            raise ValueError(f"{self.folder} holds a run of other data or settings: remove it, or take another folder")
        state = args.StandardRestore(self._tree(run))
        tree = self._manager.restore(step, args=args.Composite(state=state))["state"]
        run.history.rows = {int(at): dict(row) for at, row in about["history"]}
        known = {name: about[name] for name in ("best_step", "best_alignment", "alignment")}
        return run._replace(**tree, **known, step=step)

    @staticmethod
    def _tree(run: _Run) -> dict[str, Any]:
        return {"params": run.params, "state": run.state, "best": run.best}
