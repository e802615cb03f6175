"""Workers that are actors of a Ray cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..base import InputError, OperationError
from .answers import Answer, Lost
from .ray_actor import Actor, Surroundings, in_pieces
from .ray_connection import check_ray, connect, last_line
from .settings import THREADS
from .workers import Workers

POLL = 1.0  # seconds
PATIENCE = 30.0  # seconds without a worker after which the user is told
# What Ray says of calls for an actor that it is restarting.
RESTARTING = "actor is restarting"
# Settings of this process that those of the cluster need as well; no credentials, which others could read there.
PASSED_ON = ("OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM", "TF_CPP_MIN_LOG_LEVEL", "XLA_PYTHON_CLIENT_PREALLOCATE")


class RayCluster(Workers):
    """Actors of a Ray cluster, spread over its nodes.

    Ray restarts an actor that was killed, on another node if need be. Samples travel in the calls and embeddings go to
    the store, so that nothing is in the object store of Ray.

    Args:
        address: ``auto`` for the cluster of this machine, ``local`` for one of its own, ``HOST:PORT`` of the head node,
            or ``ray://HOST:PORT``.
        count: number of actors; default one for each node, or one for each GPU of the cluster.
        device: name of the torch device; with ``cuda``, Ray gives each actor a GPU.
        notify: called with lines for the user.

    Raises:
        MissingPackageError: Ray is not installed.
        InputError: a device that Ray cannot distribute.
    """

    def __init__(
        self,
        address: str,
        count: int | None = None,
        *,
        device: str = "cpu",
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(notify)
        check_ray(address)
        if device.startswith("cuda:"):
            raise InputError(f"Ray chooses the GPU of each worker: use --device cuda instead of {device}")
        self._address, self._count, self._device = address, count, device
        self._connected = self._mine = False
        self._nodes = 1
        self._actors: list[Any] = []
        self._calls: dict[Any, tuple[int, int]] = {}
        self._ready: set[int] = set()
        self._alone_since: float | None = None

    def count(self) -> int:
        """Return how many actors there can be; connects to the cluster."""
        if not self._connected:
            self._connect()
        assert self._count is not None
        return self._count

    def start(self, count: int) -> None:
        """Start actors until there are so many."""
        while len(self._actors) < count:
            self._actors.append(self._started())

    def begin(self, worker: int, number: int, job: bytes) -> None:
        """Give an actor a job; the call waits until the actor has started."""
        # With a retry, the call waits for an actor that is being restarted.
        begin = self._actors[worker].begin.options(max_task_retries=1)
        self._calls[begin.remote(number, *in_pieces(job))] = worker, number

    def give(self, worker: int, number: int, samples: bytes) -> None:
        """Give an actor a shard."""
        self._calls[self._actors[worker].embed.remote(number, *in_pieces(samples))] = worker, number

    def answers(self) -> Iterator[tuple[int, int | None, Answer]]:
        """Wait at most a second for answers of actors, and replace those that Ray does not restart."""
        import ray
        from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError, RayTaskError

        found, _ = ray.wait(list(self._calls), timeout=POLL)
        for call in found:
            worker, number = self._calls.pop(call, (None, None))
            if worker is None or number is None:
                continue
            try:
                answer: Answer = ray.get(call)
            except (RayActorError, OutOfMemoryError) as error:
                if getattr(error, "actor_init_failed", False):
                    raise _cannot_start(error) from error
                if isinstance(error, ActorDiedError):
                    self._actors[worker] = self._started()
                # A job that comes while Ray restarts the actor costs no worker: it is given again.
                restarting = worker not in self._ready and RESTARTING in str(error)
                if restarting:
                    time.sleep(POLL / 4)
                answer = Lost("restarting" if restarting else "killed, or its node was", idle=restarting)
            except RayTaskError as error:  # what it was sent cannot be read there
                raise _cannot_start(error) from error
            if isinstance(answer, Lost):
                self._ready.discard(worker)
                # Other calls of this actor fail as well, or are answered by the one that takes its place.
                self._calls = {other: of for other, of in self._calls.items() if of[0] != worker}
                yield worker, None, answer
            else:
                self._ready.add(worker)
                yield worker, number, answer
        self._say_that_none_is_ready()

    def close(self) -> None:
        """End all actors, and the connection to the cluster unless the program had made it before."""
        if not self._connected:
            return
        import ray

        for actor in self._actors:
            with suppress(Exception):  # such as a cluster that is gone
                ray.kill(actor)
        self._actors, self._calls, self._connected = [], {}, False
        if self._mine:
            ray.shutdown()

    def _connect(self) -> None:
        self._mine = connect(self._address, self._count)
        self._connected = True
        import ray

        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        self._nodes = max(1, len(nodes))
        if self._device == "cuda":
            gpus = int(ray.cluster_resources().get("GPU", 0))
            if not gpus:
                raise InputError(f"the Ray cluster at {self._address} has no GPU: omit --device cuda")
            self._count = self._count or gpus
        self._count = self._count or self._nodes

    def _started(self) -> Any:
        import ray

        # Ray would retry a shard only with the actor that it has killed, and while its node is gone, with none.
        options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
        options |= {"num_cpus": 1, "num_gpus": 1 if self._device == "cuda" else 0}
        assert self._count is not None
        surroundings = Surroundings(
            {name: value for name, value in os.environ.items() if name.startswith("HYLE_") or name in PASSED_ON},
            {name: os.environ[name] for name in THREADS if name in os.environ},
            os.getcwd(),  # noqa: PTH109
            -(-self._count // self._nodes),
        )
        try:
            return ray.remote(**options)(Actor).remote(surroundings)
        except ImportError as error:  # of the process that acts for a client
            raise _cannot_start(error) from error

    def _say_that_none_is_ready(self) -> None:
        if self._ready:
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since > PATIENCE:
            what = "a GPU" if self._device == "cuda" else "a core"
            self._say(f"  no worker is ready yet: they load the model, or wait for {what} of the cluster to be free")


def _cannot_start(error: Exception) -> OperationError:
    return OperationError(
        f"a worker cannot start on the Ray cluster: {last_line(error)}; install hyle and what it needs on all nodes"
    )
