"""The devices and processes on which a comparison runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..console import say, silence
from ..interrupts import INTERRUPTS
from ..options import DeviceOptions
from ..process import end_at_once

if TYPE_CHECKING:
    from hyle.engine.base import Checkpoint


@dataclass(frozen=True)
class Run:
    """Where a comparison runs.

    Args:
        where: ``mesh`` and ``checkpoint``, as `hyle.engine.compare` takes them.
        prints: whether this is the process that prints and writes.
    """

    where: Mapping[str, Any]
    prints: bool

    def complete(self) -> None:
        """Remove the checkpoint, once the result is printed and written, and wait for the other processes."""
        checkpoint: Checkpoint | None = self.where["checkpoint"]
        if checkpoint is not None:
            checkpoint.remove()
        if self.where["mesh"] is not None:
            from hyle.engine.base import LostProcessError, wait_for_processes

            try:
                wait_for_processes("hyle end")
            except LostProcessError:
                say("note: another process has ended before the others; the result is complete")
                end_at_once(0)


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Write what libraries print meanwhile on standard error: standard output has the result only."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def start_run(options: DeviceOptions) -> Run:
    """Join the other processes, if there are any; all but the first are silent from here on.

    Raises:
        InputError: the other processes do not answer, there is no cluster, or there are fewer devices.
    """
    checkpoint = None
    if options.checkpoint is not None:
        from hyle.engine.base import Checkpoint

        checkpoint = Checkpoint(options.checkpoint)
        INTERRUPTS.kept = f"what is computed is in {options.checkpoint}, and the same command continues"
    if options.devices is None and options.coordinator is None:
        return Run({"mesh": None, "checkpoint": checkpoint}, True)
    import jax

    from hyle.engine import device_mesh, start_processes

    if options.coordinator is not None or options.devices == "cluster":
        with _stdout_on_stderr():
            # They wait for each other at the end, so that only one with an error is alone there.
            start_processes(options.coordinator, options.processes, options.rank, end_timeout=20, notify=say)
    mesh = device_mesh(options.devices if isinstance(options.devices, int) else "all")
    if jax.process_index() > 0:
        silence()
    return Run({"mesh": mesh, "checkpoint": checkpoint}, jax.process_index() == 0)
