"""Representations on disk, and extractions that can be interrupted and resumed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .._addresses import check_local
from .._cache import locked
from .._errors import InputError, OperationError, output_errors
from .._representation import Representation
from ..embeddings import is_float, to_numpy
from .checkpoint import clean, describe, is_whole, read_about, read_arrays, write_folder
from .key import Entry, Key

# What a user can do if the store cannot be written.
REMEDY = "choose another folder with --store"
COMMITTED_DIR, STAGING_DIR, BACKUP_DIR, SHARDS, LOCK = "representation", "incoming", "old", "shards", ".lock"


class Store:
    """A folder of representations, each at ``model/weights/dataset/layer-pooling/representation``.

    In each of these folders, ``arrays`` is a plain Zarr v3 group, which zarr, xarray and TensorStore can open. It
    contains ``embedding`` [n, d] and optionally ``energies`` [n], with ids and recipe as attributes.
    ``about/about.json`` contains the same metadata, the samples that the model does not support, and the hashes of the
    arrays. The folder is renamed into place once it is complete, so that a partial representation is never read.

    Args:
        root: the folder; created at the first write.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        check_local(root)
        self.root = Path(root).expanduser()

    def key(self, *, model: str, weights: str, dataset: str, layer: str, pooling: str, libraries: str = "") -> Key:
        """Build a key from its fields; `Key.of` builds one from a recipe."""
        return Key(model, weights, dataset, layer, pooling, libraries)

    def load(self, key: Key) -> Representation | None:
        """Read a representation, with a NumPy embedding of the stored dtype; return None if the key is not stored.

        Raises:
            ValueError: the folder is damaged or belongs to another key.
        """
        path = self.root / key.folder / COMMITTED_DIR
        if not is_whole(path):
            return None
        with _damage(path):
            about = read_about(path)
            stored = Key(**about["key"])
        if stored != key:
            raise InputError(f"{path} belongs to {stored}, not to {key}: the file system ignores case")
        with _damage(path):
            arrays = read_arrays(path, about)
            return _representation(about, arrays["embedding"], arrays.get("energies"))

    def find(self, **where: str) -> Sequence[Entry]:
        """Return the stored representations that match, sorted by folder, without reading any matrix.

        Args:
            where: key fields that must match, such as ``model="chgnet"``.

        Raises:
            ValueError: unknown key field, or a damaged folder.
        """
        fields = Key.__dataclass_fields__
        unknown = [name for name in where if name not in fields]
        if unknown:
            raise InputError(f"a key has no field {unknown[0]!r}; it has: {', '.join(fields)}")
        entries = []
        for path in sorted(self.root.glob(f"*/*/*/*/{COMMITTED_DIR}")):
            if is_whole(path):
                with _damage(path):
                    about = read_about(path)
                    n, d = about["shape"]
                    facts = (n, d, about["dtype"], about["energies"], len(about["dropped"]))
                    entry = Entry(Key(**about["key"]), about["recipe"], *facts, path)
                if all(getattr(entry.key, name) == value for name, value in where.items()):
                    entries.append(entry)
        return entries

    def ids(self, entry: Entry) -> Sequence[str]:
        """Return the sample ids of a stored representation, in the order of its rows, without reading the matrix."""
        with _damage(entry.path):
            return read_about(entry.path)["ids"]

    def dropped(self, entry: Entry) -> Mapping[str, str]:
        """Return id -> reason of the samples that the model does not support, without reading the matrix."""
        with _damage(entry.path):
            return read_about(entry.path)["dropped"]

    def list(self) -> Sequence[Entry]:
        """Return all stored representations; see `find`."""
        return self.find()

    def save(self, key: Key, representation: Representation) -> Path:
        """Store a complete representation, replacing any earlier one, and return its folder.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: the embedding is not floating, or the recipe is not JSON serialisable.
            OutputError: the store cannot be written.
        """
        with ExitStack() as stack:
            self._lock(key, stack)
            return self._replace(key, representation)

    def extraction(
        self,
        key: Key,
        ids: Sequence[str],
        recipe: Mapping[str, Any],
        groups: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Extraction:
        """Start an extraction, or resume an interrupted one with the same key, ids and recipe.

        Args:
            key: key of the representation.
            ids: all ids of the data set, in order.
            recipe: provenance to store with the representation.
            groups: kind -> sample id -> label, as in `hyle.zoo.Dataset.groups`.

        Returns:
            Extraction, a context manager that holds a lock until the ``with`` block ends.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: repeated ids, or a recipe that is not JSON serialisable.
            OutputError: the store cannot be written.
        """
        return Extraction(self, key, ids, recipe, groups or {})

    def _lock(self, key: Key, stack: ExitStack) -> None:
        path = self.root / key.folder / LOCK

        def busy() -> None:
            holder = path.read_text("utf-8") or "unknown"
            raise OperationError(f"process {holder} is extracting {key} into {self.root}: wait until it finishes")

        with self._writing():
            stack.enter_context(locked(path, busy))
            self._recover(path.parent)

    def _writing(self) -> AbstractContextManager[None]:
        return output_errors(self.root, REMEDY)

    def _recover(self, folder: Path) -> None:
        clean(folder)
        # A process was killed between the two renames of a replacement; the new representation is complete.
        if (folder / BACKUP_DIR).exists() and not (folder / COMMITTED_DIR).exists():
            (folder / STAGING_DIR).rename(folder / COMMITTED_DIR)
        for name in (STAGING_DIR, BACKUP_DIR):
            shutil.rmtree(folder / name, ignore_errors=True)

    def _replace(self, key: Key, representation: Representation) -> Path:
        folder = self.root / key.folder
        arrays = {"embedding": _matrix(representation.embedding)}
        if representation.energies is not None:
            arrays["energies"] = np.asarray(representation.energies, np.float64)
        about = {
            "name": representation.name,
            "key": asdict(key),
            "shape": arrays["embedding"].shape,
            "dtype": arrays["embedding"].dtype.name,
            "energies": "energies" in arrays,
            "ids": list(representation.ids),
            "recipe": _plain(representation.recipe),
            "dropped": dict(representation.dropped),
            "groups": {kind: list(labels) for kind, labels in representation.groups.items()},
        }
        dimensions = {"embedding": ["sample", "feature"], "energies": ["sample"]}
        attributes = {name: about[name] for name in ("name", "ids", "recipe")}
        with self._writing():
            write_folder(folder / STAGING_DIR, arrays, about)
            describe(folder / STAGING_DIR, {name: dimensions[name] for name in arrays}, attributes)
            if (folder / COMMITTED_DIR).exists():
                (folder / COMMITTED_DIR).rename(folder / BACKUP_DIR)
            (folder / STAGING_DIR).rename(folder / COMMITTED_DIR)
        shutil.rmtree(folder / BACKUP_DIR, ignore_errors=True)
        return folder / COMMITTED_DIR


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Raise any error of the body as an InputError that says that a folder of the store is damaged."""
    try:
        yield
    # Which error a damaged file raises depends on where it is damaged.
    except Exception as error:
        raise InputError(f"{path} is damaged: remove it and embed again") from error


class Extraction:
    """A representation that is being written shard by shard; see `Store.extraction`."""

    def __init__(
        self,
        store: Store,
        key: Key,
        ids: Sequence[str],
        recipe: Mapping[str, Any],
        groups: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._groups = groups
        self._store, self._key, self._ids, self._recipe = store, key, list(ids), _plain(recipe)
        self._place = {i: place for place, i in enumerate(self._ids)}
        if len(self._place) != len(self._ids):
            raise InputError(f"{key}: the ids must be unique")
        identity = json.dumps([self._recipe, self._ids], sort_keys=True)
        self._shards = store.root / key.folder / SHARDS / hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._finished: set[str] = set()
        self._number = 0
        self._width: tuple[int, str] | None = None
        with ExitStack() as stack:
            store._lock(key, stack)
            with store._writing():
                self._shards.mkdir(parents=True, exist_ok=True)
            clean(self._shards)
            for path in self._whole_shards():
                with _damage(path):
                    about = read_about(path)
                    self._note(about)
                self._number = int(path.name) + 1
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

    def write_shard(
        self,
        ids: Sequence[str],
        embedding: Any,
        energies: Any = None,
        dropped: Mapping[str, str] | None = None,
    ) -> None:
        """Commit some samples to disk; once this returns, they survive a crash of the process.

        Args:
            ids: n ids of the data set that are not finished yet.
            embedding: floating [n, d], an array or a torch tensor on any device; d and dtype as in the other shards.
            energies: [n] in eV, or None.
            dropped: id -> why the model does not support that sample.

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
            matrix = _matrix(embedding)
            width = (matrix.shape[1], matrix.dtype.name)
            if len(matrix) != len(ids):
                raise InputError(f"{self._key}: {len(ids)} ids for {len(matrix)} rows")
            if self._width not in (None, width):
                raise InputError(
                    f"{self._key}: the shard has width and dtype {width}, but earlier shards have {self._width}"
                )
            arrays["embedding"] = matrix
            if energies is not None:
                arrays["energies"] = np.asarray(to_numpy(energies), np.float64)
                if arrays["energies"].shape != (len(ids),):
                    raise InputError(f"{self._key}: energies of shape {arrays['energies'].shape} for {len(ids)} rows")
        about = {"ids": list(ids), "dropped": dropped, "width": width}
        with self._store._writing():
            write_folder(self._shards / f"{self._number:06d}", arrays, about)
        self._number += 1
        self._note(about)

    def commit(self) -> Representation:
        """Merge the shards in the order of the data set, store the result and remove the shards.

        Energies are stored only if every row has one.

        Raises:
            ValueError: some samples are not finished yet, or the model supports none.
            OutputError: the store cannot be written.
        """
        self._check_open()
        missing = [i for i in self._ids if i not in self._finished]
        if missing:
            raise InputError(f"{self._key}: {len(missing)} samples are not finished, starting with {missing[0]!r}")
        rows: list[str] = []
        dropped: dict[str, str] = {}
        parts, energies = [], []
        for path in self._whole_shards():
            with _damage(path):
                about = read_about(path)
                dropped |= about["dropped"]
                if about["ids"]:
                    arrays = read_arrays(path, about)
                    rows += about["ids"]
                    parts.append(arrays["embedding"])
                    energies.append(arrays.get("energies"))
        if not rows:
            reason = next(iter(dropped.values()), "the data set is empty")
            raise InputError(f"{self._key}: the model supports none of the {len(self._ids)} samples: {reason}")
        order = np.argsort([self._place[i] for i in rows])
        present = [energy for energy in energies if energy is not None]
        merged = Representation(
            self._key.model,
            np.concatenate(parts)[order],
            [rows[place] for place in order],
            self._recipe,
            np.concatenate(present)[order] if len(present) == len(parts) else None,
            {i: dropped[i] for i in self._ids if i in dropped},
            {kind: [labels[rows[place]] for place in order] for kind, labels in self._groups.items()},
        )
        self._store._replace(self._key, merged)
        shutil.rmtree(self._shards.parent, ignore_errors=True)
        self.close()
        return merged

    def _note(self, about: Mapping[str, Any]) -> None:
        self._finished |= {*about["ids"], *about["dropped"]}
        if about["width"] is not None:
            self._width = (about["width"][0], about["width"][1])

    def _check_open(self) -> None:
        # Without the lock, another process may be writing to the same folder.
        if self._closed:
            raise InputError(f"{self._key}: this extraction is closed; start it again to resume")

    def _whole_shards(self) -> list[Path]:
        return sorted(path for path in self._shards.iterdir() if is_whole(path))

    def _check_ids(self, ids: Collection[str]) -> None:
        checked: set[str] = set()
        for i in ids:
            if i not in self._place:
                raise InputError(f"{self._key}: the data set has no sample {i!r}")
            if i in self._finished or i in checked:
                raise InputError(f"{self._key}: the sample {i!r} is already finished")
            checked.add(i)


def _matrix(embedding: Any) -> np.ndarray:
    matrix = to_numpy(embedding)
    if matrix.ndim != 2 or 0 in matrix.shape or not is_float(matrix.dtype):
        raise InputError(f"an embedding must be a floating matrix [n, d]; got {matrix.dtype} {matrix.shape}")
    return matrix


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(dict(recipe)))
    except TypeError as error:
        raise InputError(f"a recipe must be JSON serialisable: {error}") from error


def _representation(about: Mapping[str, Any], embedding: np.ndarray, energies: Any) -> Representation:
    groups = about.get("groups", {})  # earlier releases have none
    return Representation(about["name"], embedding, about["ids"], about["recipe"], energies, about["dropped"], groups)
