"""Representations on disk or in an object store, and extractions that can be interrupted and resumed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..base import InputError, Representation
from .address import Folder
from .backend import backend_of
from .errors import DamagedFolderError, damage_of
from .extraction import Extraction
from .key import Entry, Key
from .rows import rows_of


class Store:
    """A folder of representations, each at ``model/weights/dataset/layer-pooling/representation``.

    In each of these folders, ``arrays`` is a plain Zarr v3 group, which zarr, xarray and TensorStore can open. It
    contains ``embedding`` [n, d] and optionally ``energies`` [n], with ids and recipe as attributes.
    ``about/about.json`` contains the same metadata, the samples that the model does not support, and the hashes of the
    arrays. The folder is renamed into place once it is complete, so that a partial representation is never read.

    A store can also be in an object store, with the extra ``cloud``. The same files are then objects, and a
    representation exists once the one object that names them is written, which is written last; see `ObjectStore`.
    There are no locks in object stores: every extraction is as with ``shared``, and of two that finish, the first is
    kept.

    Args:
        root: a folder, created at the first write, or an address ``s3://bucket/prefix``, ``gs://`` or ``az://``.
            Credentials and endpoint are those in the environment. The network is first used when something is read or
            written.

    Attributes:
        root: the folder as a `Path`, or the address as text.

    Raises:
        InputError: an address of an unknown kind.
        MissingPackageError: it is an address, and the extra is not installed.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._backend = backend_of(root)
        self.root: Path | str = self._backend.root if isinstance(self._backend.root, Path) else str(self._backend.root)

    def exists(self) -> bool:
        """Return whether there is a folder, or an object at the address."""
        return self._backend.exists()

    def key(self, *, model: str, weights: str, dataset: str, layer: str, pooling: str, libraries: str = "") -> Key:
        """Build a key from its fields; `Key.of` builds one from a recipe."""
        return Key(model, weights, dataset, layer, pooling, libraries)

    def load(self, key: Key, *, rows: slice | None = None) -> Representation | None:
        """Read a representation, with a NumPy embedding of the stored dtype; return None if the key is not stored.

        Args:
            key: key of the representation.
            rows: which rows to read, a slice without a step; default all. Of the arrays, only the chunks that contain
                these rows are read, about 16 MB each. In a folder, they are then not compared with the hash, which is
                that of all rows; in an object store, every chunk has a hash of its own.

        Raises:
            ValueError: the folder is damaged or belongs to another key.
            OSError: the object store cannot be used.
        """
        rows_of(rows, 0)
        return self._backend.place(key).load(rows)

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
        for _, entry in self._backend.entries():
            if isinstance(entry, DamagedFolderError):
                raise entry
            if entry and all(getattr(entry.key, name) == value for name, value in where.items()):
                entries.append(entry)
        return entries

    def ids(self, entry: Entry) -> Sequence[str]:
        """Return the sample ids of a stored representation, in the order of its rows, without reading the matrix."""
        with damage_of(entry.path):
            return self._backend.about(entry)["ids"]

    def dropped(self, entry: Entry) -> Mapping[str, str]:
        """Return id -> reason of the samples that the model does not support, without reading the matrix."""
        with damage_of(entry.path):
            return self._backend.about(entry)["dropped"]

    def list(self) -> Sequence[Entry]:
        """Return all stored representations; see `find`."""
        return self.find()

    def save(self, key: Key, representation: Representation, *, shared: bool = False) -> Folder:
        """Store a complete representation, replacing any earlier one, and return its folder or address.

        Args:
            key: key of the representation.
            representation: what is stored.
            shared: take no lock, as in `extraction`.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: the embedding is not floating, or the recipe is not JSON serialisable.
            OutputError: the store cannot be written.
        """
        place = self._backend.place(key)
        with ExitStack() as stack:
            if not shared:
                place.lock(stack)
            with place.committing() as step:
                path = place.replace(representation, step)
        assert path is not None  # whatever was stored is replaced
        return path

    def extraction(
        self,
        key: Key,
        ids: Sequence[str],
        recipe: Mapping[str, Any],
        groups: Mapping[str, Mapping[str, str]] | None = None,
        *,
        shared: bool = False,
        replace: bool | None = None,
    ) -> Extraction:
        """Start an extraction, or resume an interrupted one with the same key, ids and recipe.

        Args:
            key: key of the representation.
            ids: all ids of the data set, in order.
            recipe: provenance to store with the representation.
            groups: kind -> sample id -> label, as in `hyle.zoo.Dataset.groups`.
            shared: take no lock, so that several processes, on several hosts, can work on the same extraction.
            replace: whether to replace a representation that is stored when the extraction starts. Default not if it
                is shared: another process may have just finished it.

        Returns:
            Extraction, a context manager; unless it is shared, it holds a lock until the ``with`` block ends.

        Raises:
            RuntimeError: another process is extracting this key.
            ValueError: repeated ids, or a recipe that is not JSON serialisable.
            OutputError: the store cannot be written.
        """
        replace = not shared if replace is None else replace
        return Extraction(self._backend.place(key), ids, recipe, groups or {}, shared=shared, replace=replace)
