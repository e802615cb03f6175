"""Arrays, rows, threads, memory: what knows nothing of representations."""

from .arrays import as_array as as_array
from .arrays import copy_reason as copy_reason
from .duplicates import first_occurrence as first_occurrence
from .duplicates import first_occurrence_on_host as first_occurrence_on_host
from .memory import BLOCK_BYTES as BLOCK_BYTES
from .memory import free_bytes as free_bytes
from .rows import HIGHEST as HIGHEST
from .rows import block_size as block_size
from .rows import blocks as blocks
from .rows import centred as centred
from .rows import check_k as check_k
from .rows import each_row as each_row
from .rows import gaussian as gaussian
from .rows import ldexp as ldexp
from .rows import matrix as matrix
from .rows import pair as pair
from .rows import power_of_two as power_of_two
from .rows import root as root
from .rows import unit as unit
from .sort_keys import keys as keys
from .sort_keys import on_host as on_host
from .sort_keys import split as split
from .threads import Threads as Threads
from .version import version as version
