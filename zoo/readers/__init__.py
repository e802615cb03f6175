"""Readers of sample files, one module per kind of file; `READERS` maps suffixes to readers."""

from ._archive import ARCHIVES as ARCHIVES
from ._archive import Archive as Archive
from ._archive import Member as Member
from ._archive import Unreadable as Unreadable
from ._archive import archive_stem as archive_stem
from ._archive import is_archive as is_archive
from ._compressed import COMPRESSIONS as COMPRESSIONS
from ._compressed import inner_name as inner_name
from ._energy import NO_ENERGY as NO_ENERGY
from ._reader import Reader as Reader
from ._row import Options as Options
from ._row import Row as Row
from ._row import Wanted as Wanted
from ._structures import longest_segment as longest_segment
from ._structures import read_chains as read_chains
from ._suffixes import READERS as READERS
from ._suffixes import reader_of as reader_of
from ._suffixes import recognises as recognises
from ._vasp_names import VASP_NAMES as VASP_NAMES
from ._vasp_names import vasp_kind as vasp_kind
from ._vasp_names import vasp_label as vasp_label
