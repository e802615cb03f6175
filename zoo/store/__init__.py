"""The store of representations."""

from .key import Key as Key
from .store import Store as Store
