"""The Comparison: all pairs of models, with null distributions and intervals."""

from .calibration import Calibration as Calibration
from .calibration import calibrate as calibrate
from .compare import DEFAULT_METRICS as DEFAULT_METRICS
from .compare import compare as compare
from .io import load_comparison as load_comparison
from .io import save_comparison as save_comparison
from .jackknife import jackknife_interval as jackknife_interval
from .join import join as join
from .sweep import sweep as sweep
