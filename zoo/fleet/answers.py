"""What workers say to the process that runs an extraction."""

from __future__ import annotations

from dataclasses import dataclass

from .failure import Failure


@dataclass(frozen=True)
class Said:
    """A line for the user."""

    line: str


@dataclass(frozen=True)
class Ready:
    """The model of the job is loaded.

    Args:
        host: where the worker runs.
        lines: lines for the user that could not be passed on before.
    """

    host: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """A shard is in the store.

    Args:
        host: where the worker runs.
        unknown: number of tokens in it that are not in the vocabulary of the model.
    """

    host: str
    unknown: int


@dataclass(frozen=True)
class Lost:
    """A worker is gone, and another one has taken its place, which knows no job.

    Args:
        how: how it ended, such as ``exit code 1``.
        idle: whether it was idle, even if a shard was on its way to it.
    """

    how: str
    idle: bool = False


Answer = Said | Ready | Done | Lost | Failure
