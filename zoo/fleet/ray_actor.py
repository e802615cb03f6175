"""What a Ray actor runs: a worker, and the pieces in which it receives its work."""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..environments import keep_freed_memory
from .answers import Answer, Lost, Ready
from .settings import thread_settings
from .worker import Worker

# Ray keeps arguments of at most 100 kB in the call itself, and larger ones in its object store.
PIECE = 2**16


@dataclass(frozen=True)
class Surroundings:
    """What the process that runs an extraction passes on to the processes of a cluster.

    Args:
        variables: environment variables.
        limits: the numbers of threads that the user has set.
        folder: the current folder, for models of the user.
        share: number of workers on each node.
    """

    variables: Mapping[str, str]
    limits: Mapping[str, str]
    folder: str
    share: int


class Actor:
    """A worker as an actor; all its answers are small.

    Args:
        surroundings: see `Surroundings`.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        os.environ.update(surroundings.variables)
        # Ray sets the number of threads to the number of reserved cores.
        os.environ.update(thread_settings(surroundings.share, surroundings.limits))
        with suppress(OSError):  # a node without this folder
            os.chdir(surroundings.folder)
        keep_freed_memory()
        self._lines: list[str] = []
        self._number: int | None = None
        self._worker = Worker(self._lines.append, name_host=True)

    def begin(self, number: int, *pieces: bytes) -> Answer:
        """Take a job; see `Worker.begin`."""
        answer = self._worker.begin(pickle.loads(joined(pieces)))
        if isinstance(answer, Ready):
            self._number = number
            answer = replace(answer, lines=tuple(self._lines))
        return answer

    def embed(self, number: int, *pieces: bytes) -> Answer:
        """Embed a shard; see `Worker.embed`."""
        if number != self._number:
            return Lost("restarted", idle=True)
        return self._worker.embed(pickle.loads(joined(pieces)))


def in_pieces(data: bytes) -> Sequence[bytes]:
    """Return data compressed, in pieces that Ray passes on in the call."""
    packed = zlib.compress(data, 1)
    return [packed[first : first + PIECE] for first in range(0, len(packed), PIECE)]


def joined(pieces: Iterable[bytes]) -> bytes:
    """Return the data that `in_pieces` has cut."""
    return zlib.decompress(b"".join(pieces))
