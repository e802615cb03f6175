"""A lock for commits that needs no lock of the file system: a file, created exclusively, that names its holder."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .checkpoint import unique_name

# A holder touches its file every few seconds. If nothing has touched it for so many seconds, the holder is gone.
STALE = 120.0
POLL, TOUCH = 0.1, 2.0
# Errors of a file system without hard links.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def commit_lock(path: Path, done: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], None]]:
    """Hold a lock across hosts until the block ends, or until ``done()`` is true while another process holds it.

    The lock of a process that was killed is taken over: at once if it ran on this host, else after `STALE` seconds in
    which its file has not changed. As a process that was only suspended may still believe that it holds the lock, it
    saves work twice but must not be needed for a correct result.

    Args:
        path: the file; its folder is created. It holds host, pid and time of the holder.
        done: whether another process has made the lock unnecessary; the block then runs without it.

    Yields:
        A function to call at least once in `STALE` seconds of work.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "time": now, "token": os.urandom(8).hex()})
    seen, since = None, time.monotonic()
    while not _create(path, mine):
        if done():
            yield lambda: None
            return
        state = _state(path)
        if state != seen:
            seen, since = state, time.monotonic()
        if state is not None and (_is_dead(state[0]) or time.monotonic() - since > STALE):
            _take_away(path, state[0])
        elif state is not None:
            time.sleep(POLL)
    touched = time.monotonic()

    def step() -> None:
        nonlocal touched
        if time.monotonic() - touched > TOUCH:
            touched = time.monotonic()
            with contextlib.suppress(FileNotFoundError):  # taken over while this process was suspended
                os.utime(path)

    try:
        yield step
    finally:
        state = _state(path)
        if state is not None and state[0] == mine:
            path.unlink(missing_ok=True)


def _create(path: Path, text: str) -> bool:
    """Create the lock, or return False if there is one."""
    if path.exists():
        return False
    # A link is made with the whole text, whenever this process is killed.
    own = path.with_name(unique_name(path.name))
    own.write_text(text, "utf-8")
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _create_without_link(path, text)
    finally:
        own.unlink(missing_ok=True)
    return True


def _create_without_link(path: Path, text: str) -> bool:
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)
    return True


def _state(path: Path) -> tuple[str, int] | None:
    """Return the text of a lock and when it was touched; None if it is free."""
    try:
        return path.read_text("utf-8"), path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _is_dead(text: str) -> bool:
    """Return whether a holder ran on this host and does not any more; of other hosts, nothing is known."""
    try:
        holder = json.loads(text)
        if holder["host"] != socket.gethostname():
            return False
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, PermissionError):  # partly written, or a process of another user
        return False
    return False


def _take_away(path: Path, text: str) -> None:
    stale = path.with_name(unique_name(path.name))
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        path.rename(stale)
        if stale.read_text("utf-8") != text and not path.exists():
            stale.rename(path)  # another process was faster, and this is its new lock
        else:
            stale.unlink()
