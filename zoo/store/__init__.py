"""Representations on disk: the store, and reading and writing of embedding files."""

from .arrays import to_numpy as to_numpy
from .files import READERS as READERS
from .files import check_output as check_output
from .files import read_embeddings as read_embeddings
from .files import write_embeddings as write_embeddings
from .key import Key as Key
from .store import Store as Store
