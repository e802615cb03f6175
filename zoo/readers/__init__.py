"""Readers of sample files, one module per kind of file; `READERS` maps suffixes to readers."""

from ._suffixes import READERS as READERS
from ._suffixes import is_sample_file as is_sample_file
from ._suffixes import reader_of as reader_of
from ._suffixes import recognises as recognises
from .files import ARCHIVES as ARCHIVES
from .files import COMPRESSIONS as COMPRESSIONS
from .files import Archive as Archive
from .files import Member as Member
from .files import Options as Options
from .files import Reader as Reader
from .files import Row as Row
from .files import Unreadable as Unreadable
from .files import Wanted as Wanted
from .files import archive_stem as archive_stem
from .files import inner_name as inner_name
from .files import is_archive as is_archive
from .proteins import longest_segment as longest_segment
from .proteins import read_chains as read_chains
from .structures import NO_ENERGY as NO_ENERGY
from .structures import VASP_NAMES as VASP_NAMES
from .structures import vasp_kind as vasp_kind
from .structures import vasp_label as vasp_label
