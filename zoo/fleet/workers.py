"""Several workers that share the shards of extractions; what every kind of worker has in common."""

from __future__ import annotations

import pickle
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence

from ..base import InputError, Sample
from ..store import Extraction
from .answers import Answer, Done, Lost, Ready, Said
from .failure import Failure
from .fleet import Fleet, Update
from .job import Job
from .queue import KEPT, ShardQueue
from .shards import split, unfinished, unknown_line

# Seconds until what one host has written is visible on another: file systems keep the content of folders for a while.
VISIBLE = 90.0
POLL = 0.5


class Workers(Fleet):
    """Workers with numbers from 0, which are started when they are needed and kept from job to job.

    A kind of workers is a subclass with five methods; each of the workers runs a `Worker`.

    Args:
        notify: called with lines for the user.
    """

    def __init__(self, notify: Callable[[str], None] = lambda line: None) -> None:
        self._notify = notify
        self._job_number = 0
        self._said: set[str] = set()
        self._hosts: set[str] = set()

    @abstractmethod
    def count(self) -> int:
        """Return how many workers there can be at most."""

    @abstractmethod
    def start(self, count: int) -> None:
        """Have workers 0 to ``count - 1``; those that there are stay."""

    @abstractmethod
    def begin(self, worker: int, number: int, job: bytes) -> None:
        """Give a worker a job, a pickled `Job`, and its number; the answer is `Ready`."""

    @abstractmethod
    def give(self, worker: int, number: int, samples: bytes) -> None:
        """Give a worker a shard of its job, as pickled samples; the answer is `Done`."""

    @abstractmethod
    def answers(self) -> Iterable[tuple[int, int | None, Answer]]:
        """Wait at most a second for answers.

        Yields:
            The worker, the number of the job, and the answer; no number for one that is of no job.
        """

    def run(self, job: Job, extractions: Sequence[Extraction], samples: Sequence[Sample], update: Update) -> None:
        """Embed the samples that extractions lack; see `Fleet.run`."""
        todo = unfinished(extractions, samples)
        if not todo:
            return
        shards = split(todo, self.count())
        queue = ShardQueue(shards, job.model, self._notify)
        self._job_number += 1
        packed = pickle.dumps(job)
        count = min(self.count(), len(shards))
        self.start(count)
        for worker in range(count):
            self.begin(worker, self._job_number, packed)
        idle: set[int] = set()
        done, unknown = len(samples) - len(todo), 0
        while queue.left:
            for worker, number, answer in self.answers():
                if isinstance(answer, Lost):
                    idle.discard(worker)
                    if worker < count:
                        queue.lost(worker, answer.how, idle=answer.idle)
                        self.begin(worker, self._job_number, packed)
                elif isinstance(answer, Said):
                    self._say(answer.line)
                elif number != self._job_number:
                    continue
                elif isinstance(answer, Failure):
                    raise answer.raised()
                elif isinstance(answer, Ready):
                    queue.ready(worker)
                    idle.add(worker)
                    for line in answer.lines:
                        self._say(line)
                elif isinstance(answer, Done):
                    shard = queue.done(worker)
                    idle.add(worker)
                    if answer.host not in self._hosts:
                        self._wait_until_visible(extractions, shard.ids, job.store, answer.host)
                        self._hosts.add(answer.host)
                    done, unknown = done + len(shard.ids), unknown + answer.unknown
                    update(done, "")
            for worker in sorted(idle):
                taken = queue.take(worker)
                if taken is not None:
                    idle.discard(worker)
                    self.give(worker, self._job_number, _pickled(taken.samples))
        self._wait_until_visible(extractions, [sample.id for sample in todo], job.store, "another host")
        if unknown:
            self._notify(unknown_line(job.model, unknown))

    def _say(self, line: str) -> None:
        """Pass a line on once, whichever workers say it."""
        if line not in self._said:
            self._said.add(line)
            self._notify(line)

    def _wait_until_visible(self, extractions: Sequence[Extraction], ids: Sequence[str], store: str, host: str) -> None:
        deadline = time.monotonic() + VISIBLE
        while any(extraction.unfinished(ids) for extraction in extractions):
            if time.monotonic() > deadline:
                raise InputError(
                    f"what {host} has written to the store {store} is not in the store here: choose a folder that all "
                    f"nodes share, or an address, with --store; {KEPT}"
                )
            time.sleep(POLL)


def _pickled(samples: Sequence[Sample]) -> bytes:
    try:
        return pickle.dumps(samples)
    except Exception as error:  # such as a calculator that is attached to atoms
        ids = f"{samples[0].id!r} to {samples[-1].id!r}"
        raise InputError(f"the samples {ids} cannot be sent to another process: {error}") from error
