"""Reading of any file of samples: compression, archives, lines, and the rows that readers yield."""

from .archive import ARCHIVES as ARCHIVES
from .archive import Archive as Archive
from .archive import Member as Member
from .archive import Unreadable as Unreadable
from .archive import archive_stem as archive_stem
from .archive import is_archive as is_archive
from .compressed import COMPRESSIONS as COMPRESSIONS
from .compressed import inner_name as inner_name
from .compressed import inner_suffix as inner_suffix
from .compressed import open_binary as open_binary
from .compressed import open_text as open_text
from .compressed import read_text as read_text
from .lines import not_empty as not_empty
from .lines import read_lines as read_lines
from .reader import Reader as Reader
from .row import NUMBERS as NUMBERS
from .row import Options as Options
from .row import Row as Row
from .row import Wanted as Wanted
from .row import chosen as chosen
from .row import indices as indices
from .row import need_rdkit as need_rdkit
from .row import no_columns as no_columns
from .row import number as number
from .row import numbers as numbers
from .unpacked import Unpacked as Unpacked
