"""The start and the end of a process of the command line: its settings, and how errors and interrupts end it."""

from __future__ import annotations

import contextlib
import sys

from .interrupts import INTERRUPTED, INTERRUPTS, Interrupted


def main() -> None:
    """Run the command line and exit.

    The exit code is 0 for success, 2 for an error of the user's, 130 for an interruption and 1 for a bug in hyle.

    Raises:
        SystemExit: with the exit code.
        Exception: an error that hyle does not raise on purpose, which is a bug and keeps its traceback.
    """
    arguments = sys.argv[1:]
    as_json = "--json" in arguments[: arguments.index("--") if "--" in arguments else None]
    previous = INTERRUPTS.install(as_json=as_json)
    try:
        _run(as_json=as_json)
    except BaseException as error:
        # An error on the way out of an interrupt, of whatever kind, is part of the interruption.
        if not INTERRUPTS.received and not isinstance(error, KeyboardInterrupt):
            raise
        _report_interruption(as_json=as_json)
        sys.exit(INTERRUPTED)
    finally:
        INTERRUPTS.restore(previous)


def _run(*, as_json: bool) -> None:
    # Imported only here, where interrupts are taken: this takes most of the time of a short command.
    import click

    from .failures import EXIT_CODE, report
    from .group import cli
    from .process import accept_encoding, end_at_once, prepare_process

    prepare_process()
    accept_encoding()
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, Interrupted):
        raise KeyboardInterrupt from None
    except Exception as error:
        if INTERRUPTS.received or not report(error, as_json=as_json):
            raise
        if type(error).__name__ == "LostProcessError":
            end_at_once(EXIT_CODE)
        sys.exit(EXIT_CODE)


def _report_interruption(*, as_json: bool) -> None:
    with contextlib.suppress(OSError):  # such as a closed pipe
        if as_json:
            print(INTERRUPTS.json(), flush=True)
        print(INTERRUPTS.line(), file=sys.stderr)
