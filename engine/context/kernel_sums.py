"""The HSIC of all pairs of models of a context, and what else follows from the sums of their kernels."""

from __future__ import annotations

import hashlib

import numpy as np

from ..gram import Kernel, Sums, feature_hsic, feature_products
from ..permutation import (
    Permutations,
    features_permute_cheaper,
    permuted_feature_products,
    permuted_hsic,
    permuted_products,
)
from ..preprocess import effective_rank
from .context import MetricContext
from .stages import NULL


def hsic_of_pairs(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the HSIC of all pairs, [m, m] in float64; the RBF bandwidth is each model's median distance."""

    def compute() -> np.ndarray:
        if kernel == "linear" and context.by_features:
            return feature_hsic(_feature_products(context), _squares(context), debiased=debiased)
        return np.asarray(context.pass_result(kernel).sums[kernel].hsic(debiased=debiased))

    return context.cached(("hsic", kernel, debiased), compute)


def hsic_by_chance(context: MetricContext, kernel: Kernel) -> np.ndarray:
    """Compute the mean biased HSIC of all pairs over all permutations of the samples of one, [m, m] in float64.

    It is tr(HKH) tr(HLH) / ((n - 1) n^2): permutations map diagonal entries to diagonal entries and off-diagonal ones
    to off-diagonal ones, and the latter sum to minus the trace.
    """
    traces = np.asarray(_sums(context, kernel).traces(), np.float64)
    return np.outer(traces, traces) / ((context.n - 1) * context.n**2)


def null_hsic(context: MetricContext, kernel: Kernel, permutations: Permutations, *, debiased: bool) -> np.ndarray:
    """Compute the HSIC of all pairs under each permutation, [K, m, m] in float64.

    Symmetric, see `MetricContext.symmetrise`.
    """
    sums, report = _sums(context, kernel), context.stage_callback(NULL)

    def compute() -> np.ndarray:
        widths = [x.shape[1] for x in context.arrays]
        by_features = kernel == "linear" and context.permutes_features
        if by_features and features_permute_cheaper(context.n, widths, len(permutations), len(permutations.cycles)):
            return permuted_feature_products(context.kept(), permutations, context.in_order, report, mesh=context.mesh)
        return permuted_products(
            context.kept(),
            kernel,
            sums.means.mean(1),
            permutations,
            sigmas=context.sigmas() if kernel == "rbf" else None,
            mesh=context.mesh,
            progress=report,
        )

    drawn = hashlib.sha256(np.ascontiguousarray(permutations.orders).data).hexdigest()
    products = context.cached(("null", kernel, drawn), compute)
    return context.symmetrise(permuted_hsic(sums, products, permutations.orders, debiased=debiased))


def hsic_algorithm(context: MetricContext, kernel: Kernel) -> str:
    """Return which matrix products the HSIC of a kernel is computed from."""
    features = kernel == "linear" and context.by_features
    return "d x d products of features" if features else "n x n products of rows"


def effective_ranks(context: MetricContext) -> list[float]:
    """Compute the effective rank of each model, the number of directions that carry its variance; [m]."""
    result = context.finished_pass
    # The linear kernel has the eigenvalues of the covariance matrix.
    if context.by_features or (result is not None and "linear" in result.sums):
        squares = hsic_of_pairs(context, "linear", debiased=False).diagonal() * context.n**2
    elif result is not None and result.squares is not None:
        squares = result.squares
    else:
        return [effective_rank(np.asarray(x)) for x in context.arrays]
    traces = _squares(context).sum(1)
    return list(np.divide(traces**2, squares, out=np.zeros(context.m), where=squares > 0))


def _squares(context: MetricContext) -> np.ndarray:
    """Return the squared norms of the points, [m, n] in float64."""
    return np.stack([np.asarray(prepared.norms.squares, np.float64) for prepared in context.prepared()])


def _feature_products(context: MetricContext) -> np.ndarray:
    return context.cached(
        "feature products", lambda: np.asarray(feature_products(context.prepared(), mesh=context.mesh), np.float64)
    )


def _sums(context: MetricContext, kernel: Kernel) -> Sums:
    if kernel == "linear" and context.by_features:
        # Each row of a centred kernel sums to 0: its off-diagonal entries sum to minus the diagonal one.
        squares = _squares(context)
        return Sums(None, -squares / (context.n - 1), squares)
    return context.pass_result(kernel).sums[kernel]
