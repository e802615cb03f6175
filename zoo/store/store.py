"""Representations on disk, and extractions that survive being interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .._cache import locked
from .._errors import InputError, OperationError
from .._representation import Representation
from .arrays import is_float, to_numpy
from .checkpoint import clean, describe, is_whole, read_about, read_arrays, write_folder
from .key import Entry, Key

COMMITTED_DIR, STAGING_DIR, BACKUP_DIR, SHARDS, LOCK = "representation", "incoming", "old", "shards", ".lock"


class Store:
    """A folder of representations, each at ``model/weights/dataset/layer-pooling/representation``.

    There ``arrays`` is a plain Zarr v3 group, which zarr, xarray and TensorStore open: ``embedding`` [n, d],
    perhaps ``energies`` [n], ids and recipe in its attributes. ``about/about.json`` holds the same facts, the
    samples that the model could not take, and the hashes of the arrays. The folder appears by a rename when
    it is complete: half a representation is never read.

    Args:
        root: the folder; made when something is written.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser()

    def key(self, *, model: str, weights: str, dataset: str, layer: str, pooling: str) -> Key:
        """Return a key; `Key.of` makes one from a recipe."""
        return Key(model, weights, dataset, layer, pooling)

    def load(self, key: Key) -> Representation | None:
        """Read a representation, its embedding a NumPy array of the stored dtype; None where there is none.

        Raises:
            ValueError: the folder is damaged or holds another key.
        """
        path = self.root / key.folder / COMMITTED_DIR
        if not is_whole(path):
            return None
        about = self._about(path)
        if Key(**about["key"]) != key:
            raise InputError(f"{path} holds {Key(**about['key'])}, not {key}: the file system ignores case")
        try:
            arrays = read_arrays(path, about)
            return _representation(about, arrays["embedding"], arrays.get("energies"))
        except (KeyError, ValueError, OSError) as error:
            raise InputError(f"{path} is damaged: remove it and extract again") from error

    def find(self, **where: str) -> Sequence[Entry]:
        """Return what is stored, by key, reading no matrix.

        Args:
            where: fields of the key that must match, such as ``model="chgnet"``.

        Raises:
            ValueError: a field that keys do not have, or a damaged folder.
        """
        fields = Key.__dataclass_fields__
        unknown = [name for name in where if name not in fields]
        if unknown:
            raise InputError(f"a key has no field {unknown[0]!r}; it has: {', '.join(fields)}")
        entries = []
        for path in sorted(self.root.glob(f"*/*/*/*/{COMMITTED_DIR}")):
            if is_whole(path):
                about = self._about(path)
                key = Key(**about["key"])
                if all(getattr(key, name) == value for name, value in where.items()):
                    n, d = about["shape"]
                    facts = (n, d, about["dtype"], about["energies"], len(about["dropped"]))
                    entries.append(Entry(key, about["recipe"], *facts, path))
        return entries

    def list(self) -> Sequence[Entry]:
        """Return everything that is stored; see `find`."""
        return self.find()

    def load_all(self, **where: str) -> Sequence[Representation]:
        """Read every representation that `find` finds."""
        found = [self.load(entry.key) for entry in self.find(**where)]
        return [representation for representation in found if representation is not None]

    def save(self, key: Key, representation: Representation) -> Path:
        """Store a whole representation, in place of one that may be there, and return its folder.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: an embedding that is not floating, or a recipe that JSON cannot hold.
        """
        with ExitStack() as stack:
            self._lock(key, stack)
            return self._replace(key, representation)

    def extraction(self, key: Key, ids: Sequence[str], recipe: Mapping[str, Any]) -> Extraction:
        """Begin an extraction, or continue the one of the same key, ids and recipe that was interrupted.

        Args:
            key: what to keep it under.
            ids: every id of the data set, in its order.
            recipe: what the representation will say of itself.

        Returns:
            Extraction, to be used in a ``with`` block: it holds a lock until the block ends.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: repeated ids, or a recipe that JSON cannot hold.
        """
        return Extraction(self, key, ids, recipe)

    def _lock(self, key: Key, stack: ExitStack) -> None:
        path = self.root / key.folder / LOCK

        def busy() -> None:
            holder = path.read_text("utf-8") or "unknown"
            raise OperationError(f"process {holder} is extracting {key} into {self.root}: wait until it ends")

        stack.enter_context(locked(path, busy))
        self._recover(path.parent)

    def _recover(self, folder: Path) -> None:
        clean(folder)
        # A process was killed between the two renames of a replacement: what comes in is complete.
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
        }
        write_folder(folder / STAGING_DIR, arrays, about)
        dimensions = {"embedding": ["sample", "feature"], "energies": ["sample"]}
        attributes = {name: about[name] for name in ("name", "ids", "recipe")}
        describe(folder / STAGING_DIR, {name: dimensions[name] for name in arrays}, attributes)
        if (folder / COMMITTED_DIR).exists():
            (folder / COMMITTED_DIR).rename(folder / BACKUP_DIR)
        (folder / STAGING_DIR).rename(folder / COMMITTED_DIR)
        shutil.rmtree(folder / BACKUP_DIR, ignore_errors=True)
        return folder / COMMITTED_DIR

    def _about(self, path: Path) -> dict[str, Any]:
        try:
            return read_about(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is damaged: remove it and extract again") from error


class Extraction:
    """One representation in the making, shard by shard; see `Store.extraction`."""

    def __init__(self, store: Store, key: Key, ids: Sequence[str], recipe: Mapping[str, Any]) -> None:
        self._store, self._key, self._ids, self._recipe = store, key, list(ids), _plain(recipe)
        self._place = {i: place for place, i in enumerate(self._ids)}
        if len(self._place) != len(self._ids):
            raise InputError(f"{key}: an id stands more than once")
        mark = json.dumps([self._recipe, self._ids], sort_keys=True)
        self._shards = store.root / key.folder / SHARDS / hashlib.sha256(mark.encode()).hexdigest()[:16]
        self._finished: set[str] = set()
        self._number = 0
        self._width: tuple[int, str] | None = None
        with ExitStack() as stack:
            store._lock(key, stack)
            self._shards.mkdir(parents=True, exist_ok=True)
            clean(self._shards)
            for path in self._whole_shards():
                about = read_about(path)
                self._note(about)
                self._number = int(path.name) + 1
            # Only now, so that a damaged shard does not leave the lock behind.
            self._open = stack.pop_all()
        self._closed = False

    def __enter__(self) -> Extraction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process continue. The shards stay."""
        self._closed = True
        self._open.close()

    @property
    def finished(self) -> set[str]:
        """The ids that are done, embedded or dropped; they need not be embedded again."""
        return set(self._finished)

    def write_shard(
        self,
        ids: Sequence[str],
        embedding: Any,
        energies: Any = None,
        dropped: Mapping[str, str] | None = None,
    ) -> None:
        """Commit some samples; once this returns they survive the end of the process.

        Args:
            ids: n ids of the data set that are not finished yet.
            embedding: floating [n, d], torch tensor on any device or array; d and dtype as in other shards.
            energies: [n] in eV, or None.
            dropped: id -> why the model could not take that sample.

        Raises:
            ValueError: ids that are unknown, finished or repeated, or an array that does not fit.
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
                raise InputError(f"{self._key}: a shard of {width} among shards of {self._width}")
            arrays["embedding"] = matrix
            if energies is not None:
                arrays["energies"] = np.asarray(to_numpy(energies), np.float64)
                if arrays["energies"].shape != (len(ids),):
                    raise InputError(f"{self._key}: energies {arrays['energies'].shape} for {len(ids)} rows")
        about = {"ids": list(ids), "dropped": dropped, "width": width}
        write_folder(self._shards / f"{self._number:06d}", arrays, about)
        self._number += 1
        self._note(about)

    def commit(self) -> Representation:
        """Merge the shards in the order of the data set, store the result, remove the shards.

        Energies are kept where every row has one.

        Raises:
            ValueError: samples are not finished yet, or the model could take none.
        """
        self._check_open()
        missing = [i for i in self._ids if i not in self._finished]
        if missing:
            raise InputError(f"{self._key}: {len(missing)} samples are not finished, {missing[0]!r} first")
        rows: list[str] = []
        dropped: dict[str, str] = {}
        parts, energies = [], []
        for path in self._whole_shards():
            about = read_about(path)
            dropped |= about["dropped"]
            if about["ids"]:
                arrays = read_arrays(path, about)
                rows += about["ids"]
                parts.append(arrays["embedding"])
                energies.append(arrays.get("energies"))
        if not rows:
            reason = next(iter(dropped.values()), "there are none")
            raise InputError(f"{self._key}: the model can take none of the {len(self._ids)} samples: {reason}")
        order = np.argsort([self._place[i] for i in rows])
        known = [energy for energy in energies if energy is not None]
        whole = Representation(
            self._key.model,
            np.concatenate(parts)[order],
            [rows[place] for place in order],
            self._recipe,
            np.concatenate(known)[order] if len(known) == len(parts) else None,
            {i: dropped[i] for i in self._ids if i in dropped},
        )
        self._store._replace(self._key, whole)
        shutil.rmtree(self._shards.parent, ignore_errors=True)
        self.close()
        return whole

    def _note(self, about: Mapping[str, Any]) -> None:
        self._finished |= {*about["ids"], *about["dropped"]}
        if about["width"] is not None:
            self._width = (about["width"][0], about["width"][1])

    def _check_open(self) -> None:
        # Without the lock another process may be at work in the same folder.
        if self._closed:
            raise InputError(f"{self._key}: this extraction is closed; begin it again to continue")

    def _whole_shards(self) -> list[Path]:
        return sorted(path for path in self._shards.iterdir() if is_whole(path))

    def _check_ids(self, ids: Collection[str]) -> None:
        seen: set[str] = set()
        for i in ids:
            if i not in self._place:
                raise InputError(f"{self._key}: the data set has no sample {i!r}")
            if i in self._finished or i in seen:
                raise InputError(f"{self._key}: the sample {i!r} is finished already")
            seen.add(i)


def _matrix(embedding: Any) -> np.ndarray:
    matrix = to_numpy(embedding)
    if matrix.ndim != 2 or 0 in matrix.shape or not is_float(matrix.dtype):
        raise InputError(f"an embedding is a floating matrix [n, d]; got {matrix.dtype} {matrix.shape}")
    return matrix


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(dict(recipe)))
    except TypeError as error:
        raise InputError(f"a recipe holds what JSON holds: {error}") from error


def _representation(about: Mapping[str, Any], embedding: np.ndarray, energies: Any) -> Representation:
    return Representation(about["name"], embedding, about["ids"], about["recipe"], energies, about["dropped"])
