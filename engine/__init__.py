"""Numerics in JAX: how far representations of the same samples agree.

Arrays come from NumPy, JAX or torch; every function works inside `jax.jit` and `jax.vmap`.
"""

from ._arrays import as_array as as_array
from ._arrays import copy_reason as copy_reason
from ._compare import DEFAULT_METRICS as DEFAULT_METRICS
from ._compare import compare as compare
from ._comparison import load_comparison as load_comparison
from ._comparison import save_comparison as save_comparison
from ._metric import Metric as Metric
from ._metric import find_metric as find_metric
from ._metric import list_metrics as list_metrics
from ._relative import relative_representation as relative_representation
from ._residuals import residuals as residuals
from .metrics.cka import cka as cka
from .metrics.cknna import cknna as cknna
from .metrics.intrinsic_dimension import intrinsic_dimension as intrinsic_dimension
from .metrics.minibatch_cka import cka_stream as cka_stream
from .metrics.minibatch_cka import minibatch_cka as minibatch_cka
from .metrics.mutual_knn import mutual_knn as mutual_knn
from .metrics.procrustes import procrustes as procrustes
from .metrics.reconstruction_error import reconstruction_error as reconstruction_error
from .metrics.rsa import rsa as rsa
