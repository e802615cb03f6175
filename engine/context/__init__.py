"""The representations being compared, and the intermediate results that the metrics share."""

from .config import CompareConfig as CompareConfig
from .context import MetricContext as MetricContext
from .needs import Need as Need
from .stages import MEDIANS as MEDIANS
from .stages import NULL as NULL
from .stages import PASS as PASS
from .stages import VALUES as VALUES
from .stages import Progress as Progress
from .ties import permuted_table as permuted_table
from .ties import search_tied_tables as search_tied_tables
from .ties import tie_counts as tie_counts
from .ties import tied_models as tied_models
