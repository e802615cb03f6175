"""The store of representations."""

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .key import Entry as Entry
    from .key import Key as Key
    from .store import Store as Store
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
