"""Readers of sample files, one module per kind of file; `READERS` maps suffixes to readers."""

from ._row import Options as Options
from ._row import Row as Row
from ._row import Wanted as Wanted
from ._structures import read_chains as read_chains
from ._suffixes import READERS as READERS
from ._suffixes import Reader as Reader
from ._suffixes import reader_of as reader_of
