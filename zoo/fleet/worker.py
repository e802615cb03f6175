"""One worker: it loads the model of a job and embeds shards, wherever it runs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from ..base import Sample
from ..models import Model, load, prepare
from ..store import Extraction
from .answers import Done, Ready
from .failure import Failure
from .job import Job
from .shards import embed_shard
from .weights import fetched_card


class Worker:
    """Embeds shards of one job after the other, and keeps the model for jobs of the same model.

    Args:
        notify: called with one line before anything is downloaded or installed.
        name_host: whether errors name the host.
    """

    def __init__(self, notify: Callable[[str], None], *, name_host: bool = False) -> None:
        self._notify, self._host = notify, socket.gethostname()
        self._shown = self._host if name_host else ""
        self._model: tuple[tuple[str, str], Model] | None = None
        self._work: tuple[Job, Sequence[Extraction]] | None = None

    def begin(self, job: Job) -> Ready | Failure:
        """Load the model of a job, and open its extractions.

        Returns:
            Any error as a `Failure`.
        """
        try:
            card = fetched_card(job.model, notify=self._notify)
            prepare(card, notify=self._notify)
            job.check(card, self._host)
            wanted = job.model, job.device
            if self._model is None or self._model[0] != wanted:
                self._model = None  # so that two models are never in memory at the same time
                self._model = wanted, load(job.model, device=job.device, isolate=True, notify=self._notify)
            self._work = job, job.extractions()
        except Exception as error:
            return Failure.of(error, self._shown)
        return Ready(self._host)

    def embed(self, samples: Sequence[Sample]) -> Done | Failure:
        """Embed a shard of the job that was begun last, and write it to the store.

        Returns:
            Any error as a `Failure`.
        """
        assert self._work is not None
        assert self._model is not None
        job, extractions = self._work
        try:
            return Done(self._host, embed_shard(self._model[1], job, extractions, samples))
        except Exception as error:
            return Failure.of(error, self._shown)
