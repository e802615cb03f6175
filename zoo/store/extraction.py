"""Extractions: representations that one or several processes write shard by shard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np

from ..base import InputError, Representation
from ..embeddings import to_numpy
from ..nodes import Nodes
from .merge import merge_shards
from .plan import Plan, identity_of
from .protocols import Place
from .rows import matrix_of, plain


class Extraction:
    """A representation that is being written shard by shard; see `Store.extraction`.

    A shard has a name that is a hash of its sample ids, and is complete at one moment: a folder is written under a
    temporary name and renamed, and in an object store the object that names its data is written last. Whoever writes
    the same samples again finds it there. A sample that is in several shards is taken from the first of them by name.
    So several processes can write, whatever the order.
    """

    def __init__(
        self,
        place: Place,
        ids: Sequence[str],
        recipe: Mapping[str, Any],
        groups: Mapping[str, Mapping[str, str]],
        *,
        shared: bool,
        replace: bool,
    ) -> None:
        self._place, self._key, self._groups = place, place.key, groups
        self._ids, self._recipe = list(ids), plain(recipe)
        self._position = {i: position for position, i in enumerate(self._ids)}
        if len(self._position) != len(self._ids):
            raise InputError(f"{self._key}: the ids must be unique")
        self._shards = place.shards(identity_of(self._recipe, self._ids))
        self._finished: set[str] = set()
        self._read: set[str] = set()
        self._width: tuple[int, str] | None = None
        self._replaced = place.version if replace else None
        with ExitStack() as stack:
            if not shared:
                place.lock(stack)
            place.recover()
            if not self.committed:
                self._write_plan()
                self._refresh()
            # Keep the lock only now, so that a damaged shard does not leave it behind.
            self._open = stack.pop_all()
        self._closed = False

    def __enter__(self) -> Extraction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock and keep the shards, so that any process can resume."""
        self._closed = True
        self._open.close()

    @property
    def finished(self) -> set[str]:
        """The ids that are already embedded or dropped; skip them when resuming."""
        return set(self._finished)

    @property
    def committed(self) -> bool:
        """Whether the whole representation is stored already; `commit` then returns it."""
        version = self._place.version
        return version is not None and version != self._replaced

    def unfinished(self, ids: Iterable[str] | None = None) -> list[str]:
        """Return which of some ids, by default all, no process has finished yet; none if `committed`."""
        self._refresh()
        left = [i for i in (self._ids if ids is None else ids) if i not in self._finished]
        # In this order: shards disappear only after the commit.
        return left if left and not self.committed else []

    def write_shard(
        self,
        ids: Sequence[str],
        embedding: Any,
        energies: Any = None,
        dropped: Mapping[str, str] | None = None,
        *,
        nodes: Nodes | None = None,
    ) -> None:
        """Commit some samples to disk; once this returns, they survive a crash of the process.

        Args:
            ids: n ids of the data set that are not finished yet.
            embedding: floating [n, d], an array or a torch tensor on any device; d and dtype as in the other shards.
            energies: [n] in eV, or None.
            dropped: id -> why the model does not support that sample.
            nodes: of the n samples, if the embedding has a row for each of them, and the recipe says what they are.

        Raises:
            ValueError: unknown, finished or repeated ids, or an array of the wrong shape or dtype.
            OutputError: the store cannot be written.
        """
        self._check_open()
        dropped = dict(dropped or {})
        self._check_ids([*ids, *dropped])
        arrays: dict[str, np.ndarray] = {}
        width = None
        if len(ids):
            matrix = np.ascontiguousarray(matrix_of(embedding))
            width = (matrix.shape[1], matrix.dtype.name)
            if len(matrix) != (len(ids) if nodes is None else sum(nodes.counts)):
                raise InputError(f"{self._key}: {len(ids)} ids for {len(matrix)} rows")
            if ("per" in self._recipe) != (nodes is not None) or (nodes is not None and len(nodes.counts) != len(ids)):
                raise InputError(f"{self._key}: rows of nodes need nodes of {len(ids)} samples, and no other rows do")
            if self._width not in (None, width):
                columns, dtype = self._width or width
                raise InputError(
                    f"{self._key}: the rows have {width[0]} columns of {width[1]}, but those of earlier samples have "
                    f"{columns} of {dtype}"
                )
            arrays["embedding"] = matrix
            if energies is not None:
                arrays["energies"] = np.ascontiguousarray(to_numpy(energies), np.float64)
                if arrays["energies"].shape != (len(ids),):
                    raise InputError(f"{self._key}: energies of shape {arrays['energies'].shape} for {len(ids)} rows")
        about: dict[str, Any] = {"ids": list(ids), "dropped": dropped, "width": width}
        if nodes is not None:
            about["nodes"] = {name: list(values) for name, values in vars(nodes).items()}
        name = shard_name(sorted([*ids, *dropped], key=self._position.__getitem__))
        with self._place.writing():
            try:
                self._shards.write(name, arrays, about)
            except Exception:
                # The process that commits removes the shards, which are no longer needed.
                if not self.committed:
                    raise
        self._read.add(name)
        self._note(about)

    def commit(self) -> Representation:
        """Merge the shards in the order of the data set, store the result and remove the shards.

        Energies are stored only if every row has one. The matrix is in memory once.

        Returns:
            The representation; the one of another process if that has committed it first.

        Raises:
            ValueError: some samples are not finished yet, or the model supports none.
            OutputError: the store cannot be written.
        """
        self._check_open()
        merged: Representation | None = None
        with self._place.committing(lambda: self.committed) as step:
            if not self.committed:
                try:
                    merged = self._merge(step)
                    if self._place.replace(merged, step, over=self._replaced) is None:
                        merged = None
                except Exception:
                    # Another process may have taken this one for dead and committed.
                    if not self.committed:
                        raise
                    merged = None
        result = merged or self._place.load()
        if result is None:
            raise InputError(f"{self._key} was removed from {self._place.root} while it was stored; embed again")
        with self._place.writing():
            self._place.remove_shards()
        self.close()
        return result

    def _merge(self, step: Callable[[], None]) -> Representation:
        merged = merge_shards(self._shards, self._ids, str(self._key), step)
        groups = {kind: [labels[i] for i in merged.samples] for kind, labels in self._groups.items()}
        ids = merged.samples
        if merged.nodes is not None:
            ids = merged.nodes.ids(merged.samples)
            spread = {kind: merged.nodes.spread(each) for kind, each in groups.items()}
            groups = merged.nodes.groups(merged.samples, self._recipe["per"]) | spread
        return Representation(
            self._key.model, merged.embedding, ids, self._recipe, merged.energies, merged.dropped, groups
        )

    def _refresh(self) -> None:
        """Note the shards that this and other processes have written meanwhile."""
        try:
            for name, _, about in self._shards.finished(frozenset(self._read)):
                self._read.add(name)
                self._note(about)
        except (InputError, FileNotFoundError):
            # The process that commits removes the shards.
            if not self.committed:
                raise

    def _note(self, about: Mapping[str, Any]) -> None:
        self._finished |= {*about["ids"], *about["dropped"]}
        if about["width"] is not None:
            self._width = (about["width"][0], about["width"][1])

    def _write_plan(self) -> None:
        with self._place.writing():
            self._shards.write_plan(Plan(self._key, self._ids, self._recipe, self._groups))

    def _check_open(self) -> None:
        # Without the lock, another process may be writing to the same folder.
        if self._closed:
            raise InputError(f"{self._key}: this extraction is closed; start it again to resume")

    def _check_ids(self, ids: Collection[str]) -> None:
        checked: set[str] = set()
        for i in ids:
            if i not in self._position:
                raise InputError(f"{self._key}: the data set has no sample {i!r}")
            if i in self._finished or i in checked:
                raise InputError(f"{self._key}: the sample {i!r} is already finished")
            checked.add(i)


def shard_name(ids: Sequence[str]) -> str:
    """Return the name of a shard: a hash of the ids of its samples, in the order of the data set."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:32]
