"""The store of representations."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .address import Address as Address
    from .errors import DamagedFolderError as DamagedFolderError
    from .errors import StoreAccessError as StoreAccessError
    from .extraction import Extraction as Extraction
    from .key import Entry as Entry
    from .key import Key as Key
    from .store import Store as Store
    from .upkeep import Damage as Damage
    from .upkeep import Unfinished as Unfinished
    from .upkeep import count_folders as count_folders
    from .upkeep import find_damage as find_damage
    from .upkeep import find_leftovers as find_leftovers
    from .upkeep import find_stored as find_stored
    from .upkeep import find_unfinished as find_unfinished
    from .upkeep import last_write as last_write
    from .upkeep import remove_folder as remove_folder
    from .upkeep import remove_leftover as remove_leftover
    from .upkeep import size_of as size_of
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
