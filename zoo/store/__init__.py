"""The store of representations."""

from .key import Entry as Entry
from .key import Key as Key
from .store import Store as Store
