"""A store in an object store such as Amazon S3, without renames and without locks."""

from typing import TYPE_CHECKING

from ...base import lazy_names

if TYPE_CHECKING:
    from .object_store import ObjectStore as ObjectStore
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
