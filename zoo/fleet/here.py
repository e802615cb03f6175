"""Extraction in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..base import Sample
from ..models import Model, load
from ..store import Extraction
from .fleet import Fleet, Update
from .job import Job
from .shards import embed_shard, split, unfinished, unknown_line


class Here(Fleet):
    """Extraction by the current process alone.

    Args:
        loader: loads the model if there is anything to embed; arguments as of `hyle.zoo.load`.
        notify: called with one line before anything is downloaded or installed, and about unknown tokens.
    """

    def __init__(
        self, loader: Callable[..., Model] = load, *, notify: Callable[[str], None] = lambda line: None
    ) -> None:
        self._loader, self._notify = loader, notify

    def run(self, job: Job, extractions: Sequence[Extraction], samples: Sequence[Sample], update: Update) -> None:
        """Embed the samples that extractions lack; see `Fleet.run`."""
        todo = unfinished(extractions, samples)
        if not todo:
            return
        model = self._loader(job.model, device=job.device, isolate=True, notify=self._notify)
        before, unknown = len(samples) - len(todo), 0
        for shard in split(todo):

            def show(done: int, _: int, before: int = before) -> None:
                update(before + done, "")

            unknown += embed_shard(model, job, extractions, shard, show)
            before += len(shard)
            update(before, "")
        if unknown:
            self._notify(unknown_line(job.model, unknown))
