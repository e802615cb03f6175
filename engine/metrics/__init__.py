"""Metrics, one file each: the function on arrays, and its entries for a Comparison in ``METRICS``.

A metric is added by adding a file; `compare`, the command line and the report find it by themselves.
"""

from ._metric import Metric as Metric
from ._metric import Result as Result
from ._registry import find_metric as find_metric
from ._registry import list_metrics as list_metrics
from .cca import cca as cca
from .cka import cka as cka
from .cknna import cknna as cknna
from .cycle_knn import cycle_knn as cycle_knn
from .distance_correlation import distance_correlation as distance_correlation
from .id_correlation import id_correlation as id_correlation
from .information_imbalance import information_imbalance as information_imbalance
from .intrinsic_dimension import intrinsic_dimension as intrinsic_dimension
from .jaccard_knn import jaccard_knn as jaccard_knn
from .linear_regression import linear_regression as linear_regression
from .minibatch_cka import cka_stream as cka_stream
from .minibatch_cka import minibatch_cka as minibatch_cka
from .multiscale_cka import multiscale_cka as multiscale_cka
from .mutual_knn import mutual_knn as mutual_knn
from .pnka import pnka as pnka
from .procrustes import procrustes as procrustes
from .pwcca import pwcca as pwcca
from .rank_similarity import rank_similarity as rank_similarity
from .reconstruction_error import reconstruction_error as reconstruction_error
from .rsa import rsa as rsa
from .second_order_cosine import second_order_cosine as second_order_cosine
from .svcca import svcca as svcca

__all__ = [
    "Metric",
    "Result",
    "cca",
    "cka",
    "cka_stream",
    "cknna",
    "cycle_knn",
    "distance_correlation",
    "find_metric",
    "id_correlation",
    "information_imbalance",
    "intrinsic_dimension",
    "jaccard_knn",
    "linear_regression",
    "list_metrics",
    "minibatch_cka",
    "multiscale_cka",
    "mutual_knn",
    "pnka",
    "procrustes",
    "pwcca",
    "rank_similarity",
    "reconstruction_error",
    "rsa",
    "second_order_cosine",
    "svcca",
]
