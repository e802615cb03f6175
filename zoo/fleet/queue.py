"""The queue of shards: which of them are waiting, in work, finished, or have cost a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..base import OperationError, Sample, shorten, shorten_names

# Workers that a shard may cost, and that may be lost one after the other before they have loaded the model.
MOST_LOST = 3
KEPT = "embeddings so far are stored, and the same command continues"


@dataclass
class Shard:
    """Some samples, and how many workers have ended with them."""

    samples: Sequence[Sample]
    lost: int = 0

    @property
    def ids(self) -> list[str]:
        """The ids of its samples."""
        return [sample.id for sample in self.samples]


class ShardQueue:
    """Shards on their way through workers, which are numbered.

    Args:
        shards: the samples, in the order in which they are given out.
        model: name of the model, for messages.
        notify: called with one line for every worker that is lost.
    """

    def __init__(self, shards: Sequence[Sequence[Sample]], model: str, notify: Callable[[str], None]) -> None:
        self._waiting = deque(map(Shard, shards))
        self._working: dict[int, Shard] = {}
        self._model, self._notify = model, notify
        self._unready: dict[int, int] = {}

    @property
    def left(self) -> int:
        """The number of shards that are not finished."""
        return len(self._waiting) + len(self._working)

    def ready(self, worker: int) -> None:
        """Note that a worker has loaded the model."""
        self._unready.pop(worker, None)

    def take(self, worker: int) -> Shard | None:
        """Return the next shard for a worker, or None if none is waiting."""
        if not self._waiting:
            return None
        self._working[worker] = self._waiting.popleft()
        return self._working[worker]

    def done(self, worker: int) -> Shard:
        """Return the shard that a worker has finished."""
        return self._working.pop(worker)

    def lost(self, worker: int, how: str, *, idle: bool = False) -> None:
        """Give the shard of a worker that has ended to the next one that asks.

        Args:
            worker: its number.
            how: how it ended.
            idle: whether it was idle, so that its shard is not the cause.

        Raises:
            OperationError: the shard has cost several workers, or several of this number have ended without a shard.
        """
        shard = self._working.pop(worker, None)
        if shard is not None:
            self._waiting.append(shard)  # last, so that the others are stored before it can stop the run
        if idle:
            return
        if shard is None:
            self._unready[worker] = self._unready.get(worker, 0) + 1
            if self._unready[worker] == MOST_LOST:
                raise OperationError(
                    f"a worker was started {MOST_LOST} times and was lost each time before it had loaded "
                    f"{self._model} (at last {how}); if the memory is too small for so many, use fewer --workers; "
                    f"{KEPT}"
                )
            self._notify(f"  {self._model}: a worker was lost before it had loaded the model ({how}); one more starts")
            return
        shard.lost += 1
        if shard.lost >= MOST_LOST:
            raise OperationError(
                f"{self._model}: {MOST_LOST} workers were lost with the same {_count(len(shard.ids))} (at last {how}): "
                f"{shorten_names(shard.ids)}; {KEPT}"
            )
        first, last = shorten(shard.ids[0]), shorten(shard.ids[-1])
        part = f"its {_count(len(shard.ids))}, {first} to {last}," if first != last else f"its sample {first}"
        self._notify(f"  {self._model}: a worker was lost ({how}); {part} will go to another")


def _count(samples: int) -> str:
    return "1 sample" if samples == 1 else f"{samples} samples"
