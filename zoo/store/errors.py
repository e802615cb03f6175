"""Errors of a store: what is damaged in it, and that it cannot be used at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..base import HyleError, InputError
from .address import Folder


class StoreAccessError(HyleError, OSError):
    """An object store that cannot be used: without a network, bucket, credentials or permission."""


class DamagedFolderError(InputError):
    """A damaged folder of a store.

    Args:
        path: the folder, a representation or a shard; in an object store, the object that names its data.
        ids: the samples in it, where they can be read.
    """

    def __init__(self, path: Folder, ids: Iterable[str] = ()) -> None:
        super().__init__(f"{path} is damaged: remove it and embed again; `hyle store verify` prints the commands")
        self.path, self.ids = path, list(ids)


def problem_of(error: Exception) -> str:
    """Return what is wrong with a folder whose reading raised this, in one line."""
    text = " ".join(str(error).partition(" [")[0].split()) or type(error).__name__
    return text if isinstance(error, HyleError) else f"it cannot be read ({text})"


@contextmanager
def damage_of(path: Folder, ids: Iterable[str] = ()) -> Iterator[None]:
    """Raise any error of the body as a `DamagedFolderError`, whose arguments these are.

    A store that cannot be used is not damaged.
    """
    try:
        yield
    except StoreAccessError:
        raise
    # Which error a damaged file raises depends on where it is damaged.
    except Exception as error:
        raise DamagedFolderError(path, ids) from error
