"""The Comparison: all pairs of models, with null distributions and intervals."""

from .calibration import ROUNDING as ROUNDING
from .calibration import Calibration as Calibration
from .calibration import calibrate as calibrate
from .compare import DEFAULT_METRICS as DEFAULT_METRICS
from .compare import compare as compare
from .inference import Inference as Inference
from .io import load_comparison as load_comparison
from .io import save_comparison as save_comparison
from .jackknife import jackknife_freedom as jackknife_freedom
from .jackknife import jackknife_interval as jackknife_interval
from .join import JoinWarning as JoinWarning
from .join import check_counting as check_counting
from .join import join as join
from .resolution import ResolutionWarning as ResolutionWarning
from .resolution import count_pairs as count_pairs
from .resolution import level_of_pairs as level_of_pairs
from .resolution import permutations_needed as permutations_needed
from .resolution import resolution_note as resolution_note
from .resolution import unresolved as unresolved
from .schema import MetricFacts as MetricFacts
from .schema import beside as beside
from .schema import chance_level as chance_level
from .schema import jackknife_design as jackknife_design
from .schema import metric_facts as metric_facts
from .schema import metric_names as metric_names
from .sweep import sweep as sweep
