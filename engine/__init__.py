"""Numerics in JAX: how far representations of the same samples agree.

Arrays come from NumPy, JAX or torch; every function works inside `jax.jit` and `jax.vmap`.

Where to look, from the ground up; a folder imports from those before it:

- `base`: arrays, rows, threads, memory. `gram`: one representation, centred, with its kernels and its median distance.
- `neighbours`: exact neighbour tables and ranks. `dimension`: estimators of the intrinsic dimension.
- `block_pass`: one pass over blocks of rows for all models. `permutation`: random permutations and scores under them.
- `preprocess`: residuals, anchors, outliers. `context`: what is computed once for all metrics.
- `metrics`: one file a metric. `comparison`: all pairs of models, p-values, intervals, files.
- `analysis`: what follows from a Comparison. `losses` and `training`: alignment in a training loop.

The names below, and those of `metrics`, `analysis`, `losses` and `training`, are the public ones.
"""

from typing import Any

from .base import HyleError as HyleError
from .base import as_array as as_array
from .base import copy_reason as copy_reason
from .base import device_mesh as device_mesh
from .base import enable_compile_cache as enable_compile_cache
from .base import renamed_attribute as _renamed_attribute
from .base import start_processes as start_processes
from .comparison import DEFAULT_METRICS as DEFAULT_METRICS
from .comparison import Calibration as Calibration
from .comparison import Comparison as Comparison
from .comparison import Estimate as Estimate
from .comparison import Inference as Inference
from .comparison import JoinWarning as JoinWarning
from .comparison import ResolutionWarning as ResolutionWarning
from .comparison import calibrate as calibrate
from .comparison import check_counting as check_counting
from .comparison import compare as compare
from .comparison import estimate as estimate
from .comparison import load_comparison as load_comparison
from .comparison import save_comparison as save_comparison
from .comparison import sweep as sweep
from .context import CompareConfig as CompareConfig
from .dimension import DimensionScales as DimensionScales
from .dimension import dimension_scales as dimension_scales
from .metrics import Metric as Metric
from .metrics import cca as cca
from .metrics import cka as cka
from .metrics import cka_stream as cka_stream
from .metrics import cknna as cknna
from .metrics import cycle_knn as cycle_knn
from .metrics import distance_correlation as distance_correlation
from .metrics import find_metric as find_metric
from .metrics import id_correlation as id_correlation
from .metrics import information_imbalance as information_imbalance
from .metrics import intrinsic_dimension as intrinsic_dimension
from .metrics import jaccard_knn as jaccard_knn
from .metrics import linear_regression as linear_regression
from .metrics import list_metrics as list_metrics
from .metrics import minibatch_cka as minibatch_cka
from .metrics import multiscale_cka as multiscale_cka
from .metrics import mutual_knn as mutual_knn
from .metrics import pnka as pnka
from .metrics import procrustes as procrustes
from .metrics import pwcca as pwcca
from .metrics import rank_similarity as rank_similarity
from .metrics import reconstruction_error as reconstruction_error
from .metrics import rsa as rsa
from .metrics import second_order_cosine as second_order_cosine
from .metrics import svcca as svcca
from .preprocess import ExplainedWarning as ExplainedWarning
from .preprocess import blus_residuals as blus_residuals
from .preprocess import joint_reference as joint_reference
from .preprocess import norm_outliers as norm_outliers
from .preprocess import relative_representation as relative_representation
from .preprocess import residuals as residuals
from .preprocess import select_anchors as select_anchors
from .training import AlignmentMonitor as AlignmentMonitor
from .training import History as History
from .training import load_history as load_history
from .training import save_history as save_history

__all__ = [
    "DEFAULT_METRICS",
    "AlignmentMonitor",
    "Calibration",
    "CompareConfig",
    "Comparison",
    "DimensionScales",
    "Estimate",
    "ExplainedWarning",
    "History",
    "HyleError",
    "Inference",
    "JoinWarning",
    "Metric",
    "ResolutionWarning",
    "as_array",
    "blus_residuals",
    "calibrate",
    "cca",
    "check_counting",
    "cka",
    "cka_stream",
    "cknna",
    "compare",
    "copy_reason",
    "cycle_knn",
    "device_mesh",
    "dimension_scales",
    "distance_correlation",
    "enable_compile_cache",
    "estimate",
    "find_metric",
    "id_correlation",
    "information_imbalance",
    "intrinsic_dimension",
    "jaccard_knn",
    "joint_reference",
    "linear_regression",
    "list_metrics",
    "load_comparison",
    "load_history",
    "minibatch_cka",
    "multiscale_cka",
    "mutual_knn",
    "norm_outliers",
    "pnka",
    "procrustes",
    "pwcca",
    "rank_similarity",
    "reconstruction_error",
    "relative_representation",
    "residuals",
    "rsa",
    "save_comparison",
    "save_history",
    "second_order_cosine",
    "select_anchors",
    "start_processes",
    "svcca",
    "sweep",
]

_RENAMED = {"AlignmentProbe": "AlignmentMonitor"}


def __getattr__(name: str) -> Any:
    return _renamed_attribute(__name__, name, _RENAMED, globals())


def __dir__() -> list[str]:
    return [*__all__, "analysis", "losses", "metrics", "training"]
