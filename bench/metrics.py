"""The metrics that the benchmark compares, by their names in `hyle.engine.compare`."""

from __future__ import annotations

from dataclasses import dataclass

K = 10
"""Number of neighbours of the pair metrics."""
DIMENSION_K = 50
"""Number of neighbours of the maximum-likelihood dimension; GRIDE uses the distances to neighbours 16 and 32."""
GRIDE_ORDER = 16


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Args:
        name: name here and in a Comparison.
        title: title in tables and charts.
        single: whether the metric takes one model.
        study: whether it is among "all metrics of the study at once".
    """

    name: str
    title: str
    single: bool = False
    study: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("cka_biased", "linear CKA, biased"),
        Metric("cka", "linear CKA, debiased"),
        Metric("cka_rbf_biased", "RBF CKA, biased"),
        Metric("cka_rbf", "RBF CKA, debiased"),
        Metric("mutual_knn", f"mutual k-NN, k = {K}"),
        Metric("cknna", f"CKNNA, k = {K}"),
        Metric("distance_correlation_biased", "distance correlation"),
        Metric("distance_correlation", "distance correlation, debiased"),
        Metric("information_imbalance", "information imbalance"),
        Metric("intrinsic_dimension_twonn", "dimension, TwoNN", single=True),
        Metric("intrinsic_dimension", f"dimension, MLE, k = {DIMENSION_K}", single=True),
        Metric("intrinsic_dimension_gride", f"dimension, GRIDE, {GRIDE_ORDER}/{2 * GRIDE_ORDER}", single=True),
        Metric("id_correlation", "dimension correlation", study=False),
        Metric("procrustes", "Procrustes", study=False),
        Metric("rsa", "RSA, Euclidean, Spearman", study=False),
        Metric("reconstruction_error", "reconstruction error (GFRE)", study=False),
    )
}
STUDY = tuple(name for name, metric in METRICS.items() if metric.study)
