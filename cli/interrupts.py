"""Ctrl-C at any moment of a command: one line and exit code 130, without a traceback.

An interrupt ends the process at once, because everything that hyle stores survives that. Only where temporary files or
other processes are to be cleaned up, it raises KeyboardInterrupt. Raised anywhere, that exception could turn into an
error of another kind or crash the process: while JAX or a library written in C is imported, or in a callback of the
garbage collector.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

INTERRUPTED = 130  # the exit code
# Seconds in which a command that was interrupted can delete its temporary files.
GRACE = 5.0
# Ends the line of a progress bar in a terminal: clear it, and show the cursor.
END_BAR = "\r\x1b[2K\x1b[?25h"


class Interrupted(BaseException):
    """The user has interrupted the command."""


class Interrupts:
    """How a process of the command line takes interrupts; the only instance is `INTERRUPTS`.

    Attributes:
        received: whether the user has interrupted the command.
        kept: which part of the work is kept, as the end of the line; empty if nothing is.
    """

    def __init__(self) -> None:
        self.received, self.kept = False, ""
        self._as_json, self._depth = False, 0
        self._hook: Callable[[Any], object] = sys.unraisablehook

    def install(self, *, as_json: bool = False) -> Any:
        """Take interrupts from now on.

        A process that ignores interrupts, such as a background job of a script, continues to ignore them.

        Args:
            as_json: also report an interruption as JSON on standard output.

        Returns:
            The previous handler of the signal, for `restore`.
        """
        self.received, self.kept, self._as_json, self._depth = False, "", as_json, 0
        previous = signal.getsignal(signal.SIGINT)
        if previous is not signal.SIG_IGN and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._take)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return previous

    @contextlib.contextmanager
    def unwinding(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the block, which cleans up; a second interrupt ends the process at once."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def restore(self, previous: Any) -> None:
        """Restore the previous handler. At the end of the process, interrupts end it at once."""
        if signal.getsignal(signal.SIGINT) == self._take:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, previous)
            sys.unraisablehook = self._hook
            atexit.unregister(self._end_of_process)
            atexit.register(self._end_of_process)

    def line(self) -> str:
        """Return the line that reports the interruption."""
        return f"interrupted; {self.kept}" if self.kept else "interrupted"

    def json(self) -> str:
        """Return the interruption as ``--json`` reports it; without importing json, which an interrupt may be in."""
        return f'{{"error": {{"type": "Interrupted", "message": "{self.line()}"}}}}'

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.received or not self._depth:
            self._end()
        self._raise()

    def _raise(self, *_: object) -> None:
        self.received = True
        # In case a library catches the exception.
        signal.signal(signal.SIGALRM, self._end)
        signal.setitimer(signal.ITIMER_REAL, GRACE)
        raise KeyboardInterrupt

    def _unraisable(self, failure: Any) -> None:
        if self.received and issubclass(failure.exc_type, KeyboardInterrupt):
            # Again, after this hook has returned: here it would be ignored as well.
            signal.signal(signal.SIGALRM, self._raise)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        else:
            self._hook(failure)

    def _end(self, *_: object) -> None:
        if self._as_json:
            _write(1, self.json())
        _write(2, (END_BAR if os.isatty(2) else "") + self.line())
        os._exit(INTERRUPTED)

    def _end_of_process(self) -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._as_json, self._depth = False, 0
            signal.signal(signal.SIGINT, self._take)


def _write(descriptor: int, line: str) -> None:
    with contextlib.suppress(OSError):  # such as a closed pipe
        os.write(descriptor, f"{line}\n".encode())


INTERRUPTS = Interrupts()
