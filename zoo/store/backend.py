"""The choice of the backend of a store."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import store_address
from .address import Address
from .local import LocalFolder
from .protocols import Backend


def backend_of(path: str | os.PathLike[str] | Address) -> Backend:
    """Return the backend of the store at a folder or an address, or of what is in it.

    Raises:
        InputError: an address of an unknown kind.
        MissingPackageError: it is an address, and obstore is not installed.
    """
    address = path.root if isinstance(path, Address) else store_address(path)
    if address is not None:
        from .objects import ObjectStore

        return ObjectStore(address)
    assert not isinstance(path, Address)
    return LocalFolder(Path(path).expanduser())
