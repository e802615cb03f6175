"""Numerics in JAX: how far representations of the same samples agree.

Arrays come from NumPy, JAX or torch; every function works inside `jax.jit` and `jax.vmap`.

Where to look: `metrics/` has one file for each metric, as a function of two arrays and as an entry of a Comparison.
`_compare` asks a `_panel`, which makes a `_view` of each model and lets `_pass` visit blocks of rows: `_kernels`
(`_features` where d x d products are fewer), `_neighbours` (`_neighbours_on_host` on a CPU), `_ranks`; `_median` comes
before. Chance: `_permutations`, `_null` (kernels), `_null_shared` (neighbours), `_null_ranks`; `_calibration`.
"""

from ._arrays import as_array as as_array
from ._arrays import copy_reason as copy_reason
from ._blus import blus_residuals as blus_residuals
from ._calibration import Calibration as Calibration
from ._calibration import calibrate as calibrate
from ._compare import DEFAULT_METRICS as DEFAULT_METRICS
from ._compare import compare as compare
from ._comparison import load_comparison as load_comparison
from ._comparison import save_comparison as save_comparison
from ._dimension_scales import DimensionScales as DimensionScales
from ._dimension_scales import dimension_scales as dimension_scales
from ._metric import Metric as Metric
from ._metric import find_metric as find_metric
from ._metric import list_metrics as list_metrics
from ._outliers import norm_outliers as norm_outliers
from ._relative import relative_representation as relative_representation
from ._residuals import residuals as residuals
from ._sweep import sweep as sweep
from .metrics.cka import cka as cka
from .metrics.cknna import cknna as cknna
from .metrics.cycle_knn import cycle_knn as cycle_knn
from .metrics.distance_correlation import distance_correlation as distance_correlation
from .metrics.id_correlation import id_correlation as id_correlation
from .metrics.information_imbalance import information_imbalance as information_imbalance
from .metrics.intrinsic_dimension import intrinsic_dimension as intrinsic_dimension
from .metrics.jaccard_knn import jaccard_knn as jaccard_knn
from .metrics.minibatch_cka import cka_stream as cka_stream
from .metrics.minibatch_cka import minibatch_cka as minibatch_cka
from .metrics.mutual_knn import mutual_knn as mutual_knn
from .metrics.procrustes import procrustes as procrustes
from .metrics.reconstruction_error import reconstruction_error as reconstruction_error
from .metrics.rsa import rsa as rsa
from .training.alignment_probe import AlignmentProbe as AlignmentProbe
from .training.history import History as History
from .training.history import load_history as load_history
from .training.history import save_history as save_history
