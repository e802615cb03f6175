"""The representations being compared, and the intermediate results that the metrics share."""

from .config import CompareConfig as CompareConfig
from .context import MetricContext as MetricContext
from .half_products import KEPT_PRODUCTS as KEPT_PRODUCTS
from .kernel_sums import effective_ranks as effective_ranks
from .kernel_sums import hsic_algorithm as hsic_algorithm
from .kernel_sums import hsic_by_chance as hsic_by_chance
from .kernel_sums import hsic_of_pairs as hsic_of_pairs
from .kernel_sums import null_hsic as null_hsic
from .needs import Need as Need
from .null_pairs import null_pairs as null_pairs
from .planning import needs_all_pairs as needs_all_pairs
from .planning import plan_pass as plan_pass
from .queries import MIN_QUERIES as MIN_QUERIES
from .queries import Queries as Queries
from .queries import draw_queries as draw_queries
from .stages import MEDIANS as MEDIANS
from .stages import NULL as NULL
from .stages import PASS as PASS
from .stages import VALUES as VALUES
from .stages import Progress as Progress
from .ties import permuted_table as permuted_table
from .ties import search_tied_tables as search_tied_tables
from .ties import tie_counts as tie_counts
from .ties import tied_models as tied_models
