"""What the commands do, as plain functions that a notebook calls as well."""

from .compare import as_data as as_data
from .compare import by_name as by_name
from .compare import compare as compare
from .compare import compare_others as compare_others
from .compare import compare_with_progress as compare_with_progress
from .compare import engine_options as engine_options
from .distill import distill as distill
from .distill import train_val_test_split as train_val_test_split
from .embed import LastModelCache as LastModelCache
from .embed import check_views as check_views
from .embed import embed as embed
from .embed import embed_with_progress as embed_with_progress
from .evaluate_student import evaluate as evaluate
from .evaluate_student import print_card as print_card
from .report import write_all as write_all
from .report import write_history as write_history
from .sources import find_representations as find_representations
from .sweep import SUFFIXES as SUFFIXES
from .sweep import parse_sweep as parse_sweep
from .sweep import print_sweep as print_sweep
from .sweep import sweep_data as sweep_data
from .sweep import sweep_with_progress as sweep_with_progress
from .sweep import write_sweep as write_sweep
