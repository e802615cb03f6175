"""What runs an extraction: one interface for this process, several processes and clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ..base import Sample
from ..store import Extraction
from .job import Job

Update = Callable[[float, str], None]


class Fleet(ABC):
    """Workers that embed samples and write them to the store; a context manager that ends them."""

    @abstractmethod
    def run(self, job: Job, extractions: Sequence[Extraction], samples: Sequence[Sample], update: Update) -> None:
        """Embed the samples that extractions lack, and write them to the store shard by shard.

        Args:
            job: what is extracted.
            extractions: those of its parts, opened by the caller, who commits them.
            samples: all or some samples of the data set.
            update: called with the number of these samples that are finished in all of them, and the stage.

        Raises:
            OperationError: workers were killed again and again.
            Exception: any error of a worker, as if it had been raised in this process.
        """

    def close(self) -> None:  # noqa: B027 (this process alone has nothing to end)
        """End all workers; what they have stored is kept."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
