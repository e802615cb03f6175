"""On which samples models agree, and on which they do not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError, as_array, check_k
from ..block_pass import Search
from ..context import CompareConfig
from ..neighbours import NeighbourMetric
from .families import family_codes
from .sample_forms import GramRows, Permuted, SampleForm, SharedNeighbours
from .sample_models import mean_by_model, pairs_of_families, who_leaves
from .sample_null import (
    MIN_TESTED,
    Reliability,
    adjusted,
    basis_of,
    chance_p,
    chance_p_within,
    contested_p,
    expected_of,
    normal_scores,
    polynomials,
    reliability,
)

Form = Literal["neighbours", "pnka", "cka"]
# Fewest samples: below, nothing can be expected of a sample from others like it.
MIN_SAMPLES = 20
# Values of the null distribution of agreement above chance, at least, by form: a permutation costs n, or n d^2.
NULL_VALUES = {"neighbours": 30_000, "pnka": 20_000, "cka": 20_000}
MIN_PERMUTATIONS = 4
# As many times more permutations within strata, whose samples have null distributions of their own.
STRATA_FACTOR = 4
# Samples from which on the agreement expected of a sample is a polynomial of degree 2, and of degree 3.
DEGREES = (150, 400)


@dataclass(frozen=True)
class SampleAgreement:
    """Agreement of m models of f families on each of n samples.

    Args:
        form: ``neighbours``, ``pnka`` or ``cka``.
        first: int [p], the first model of each pair of models.
        second: int [p], the second model.
        pairs: float32 [p, n], the agreement of each pair of models.
        agreement: [n], its mean over pairs of different families, each the mean over its pairs of models.
        by_model: [m, n], the mean over the pairs of a model with models of other families.
        chance: mean agreement after the samples of each family have been permuted.
        agreed_p: [n], p of agreement above chance.
        agreed_q: [n], the same adjusted for the number of samples (Benjamini & Hochberg).
        smallest_p: the smallest p of agreement above chance that the permutations can give.
        beyond_p: [n], p of agreement above that after permutations within the strata; NaN for samples that are alone in
            their stratum. None without strata.
        beyond_q: [n], the same adjusted for the number of samples.
        expected: [n], the agreement expected of samples like this one.
        deviation: [n], mean over pairs of families of the normal scores of the difference; low for contested samples.
        p: [n], p of a deviation as low, one-sided; NaN below four families.
        q: [n], the same adjusted for the number of samples.
        leaves: int [n], the model without which the agreement rises most, relative to its mean over samples; -1 below
            three families, or where it rises without none.
        raises: [n], by how much it rises without this model; NaN where there is none.
        radius: [m, n], the distance to the k-th neighbour in each model (a similarity with its sign changed where
            neighbours are by similarity); None for another form.
        reliability: of the order of the samples by deviation.
        families: number of families.
    """

    form: Form
    first: np.ndarray
    second: np.ndarray
    pairs: np.ndarray
    agreement: np.ndarray
    by_model: np.ndarray
    chance: float
    agreed_p: np.ndarray
    agreed_q: np.ndarray
    smallest_p: float
    beyond_p: np.ndarray | None
    beyond_q: np.ndarray | None
    expected: np.ndarray
    deviation: np.ndarray
    p: np.ndarray
    q: np.ndarray
    leaves: np.ndarray
    raises: np.ndarray
    radius: np.ndarray | None
    reliability: Reliability
    families: int


def sample_agreement(
    representations: Sequence[Any],
    /,
    *,
    families: Sequence[str] | None = None,
    form: Form = "neighbours",
    k: int = 25,
    neighbour_metric: NeighbourMetric = "cosine",
    search: Search = "exact",
    covariates: Any = None,
    strata: Sequence[str] | None = None,
    neighbours_outside: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> SampleAgreement:
    """Measure how far models agree on each sample, and test it against chance and against samples like it.

    ``neighbours`` is the share of the k nearest neighbours of the sample that two models have in common, in [0, 1];
    ``pnka`` the cosine of the sample's rows in the two centred Gram matrices, in [-1, 1]; ``cka`` the sample's term of
    linear CKA, whose sum over samples is CKA (biased). See `sample_null` for what is tested and how.

    Args:
        representations: m matrices [n, d_m], row i of all being the same sample; see `hyle.engine.as_array`.
        families: [m] names, empty for a model that is a family of its own; default: each model is.
        form: of the agreement.
        k: number of neighbours, for ``neighbours``.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``, for ``neighbours``.
        search: ``exact`` or ``hnsw``, for ``neighbours``; see `hyle.engine.CompareConfig`.
        covariates: [n, e], further facts on the samples, on which the expected agreement depends, such as their sizes.
        strata: [n] labels, such as the formulas of the samples: is agreement also above that of samples of one formula?
        neighbours_outside: [n] labels: neighbours are samples with another label, such as the atoms of other molecules,
            for ``neighbours``. The p-values of agreement above chance do not hold then, since the permutations
            exchange samples one by one; those of contested samples do.
        seed: of the permutations.
        progress: called with a fraction and the current stage.

    Cost of ``neighbours``: that of its tables, and O(m^2 n k) beyond; of the others O(m^2 n d^2) for each of at least
    four permutations. Memory O(m^2 n + m n k); no [n, n] matrix is kept.

    Raises:
        ValueError: fewer than two models, two families or 20 samples; different numbers of rows; values that are not
            finite; a model whose rows are all equal; k out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.normal(size=(300, 3))
        >>> models = [shared @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(300, 8)) for _ in range(6)]
        >>> found = sample_agreement(models, k=10)
        >>> bool(found.agreement.mean() > 0.4), round(found.chance, 2)
        (True, 0.03)
    """
    report = progress or (lambda share, stage: None)
    arrays = _checked(representations, covariates, strata)
    m, n = len(arrays), len(arrays[0])
    codes = family_codes(families, m)
    count = len(np.unique(codes))
    if count < 2:
        raise InputError("all models are of one family, whose agreement means nothing: add a model of another family")
    report(0.0, "neighbours" if form == "neighbours" else "Gram rows")
    config = CompareConfig(k=k, neighbour_metric=neighbour_metric, search=search, seed=seed)
    found = _form_of(arrays, form, config, neighbours_outside)
    first, second = np.array(list(itertools.combinations(range(m), 2))).T
    pairs = np.empty((len(first), n), np.float32)
    for at, (a, b) in enumerate(zip(first, second, strict=True)):
        pairs[at] = found.pair(int(a), int(b))
        report(0.5 + 0.1 * (at + 1) / len(first), "pairs")
    of_families, ends = pairs_of_families(pairs, first, second, codes, count)
    panel = found.permuted(codes)
    # By the same operations as under permutation, so that equal numbers of common neighbours are equal to the bit.
    agreement = panel(np.broadcast_to(np.arange(n, dtype=np.int32), (count, n)))
    count_null = max(MIN_PERMUTATIONS, -(-NULL_VALUES[form] // n))
    null = _null(panel, (count, n), count_null, None, seed, report)
    beyond_p = None
    if strata is not None:
        labels = np.unique(np.asarray(strata).astype(str), return_inverse=True)[1]
        within = _null(panel, (count, n), STRATA_FACTOR * count_null, labels, seed, report)
        beyond_p = chance_p_within(agreement, within, labels)
    expected, scores = _compared_with_like(of_families, ends, found.facts, codes, covariates)
    deviation = scores.mean(0)
    p = contested_p(scores, ends, count) if count >= MIN_TESTED else np.full(n, np.nan)
    agreed_p = chance_p(agreement, null)
    by_model = mean_by_model(pairs, first, second, codes, count)
    leaves, raises = who_leaves(pairs, first, second, codes, count)
    return SampleAgreement(
        form,
        first,
        second,
        pairs,
        agreement,
        by_model,
        float(null.mean()),
        agreed_p,
        adjusted(agreed_p),
        1 / (1 + null.size),
        beyond_p,
        None if beyond_p is None else adjusted(beyond_p),
        expected,
        deviation,
        p,
        adjusted(p),
        leaves,
        raises,
        found.facts[0] if form == "neighbours" else None,
        reliability(scores, ends, count),
        count,
    )


def _checked(representations: Sequence[Any], covariates: Any, strata: Any) -> list[Any]:
    """Return the representations as matrices, after all checks that need no model."""
    arrays = [np.asarray(as_array(each)) for each in representations]
    arrays = [x.astype(np.float32) if x.dtype.itemsize < 4 or x.dtype.kind != "f" else x for x in arrays]
    if len(arrays) < 2:
        raise InputError(f"agreement needs at least two models; got {len(arrays)}")
    for at, x in enumerate(arrays):
        if x.ndim != 2 or len(x) != len(arrays[0]):
            raise InputError(
                f"model {at} has shape {x.shape}: all need [n, d] with the same n, which is {len(arrays[0])}"
            )
        if not np.isfinite(x).all():
            raise InputError(f"model {at} has values that are NaN or infinite: remove these samples")
    if len(arrays[0]) < MIN_SAMPLES:
        raise InputError(f"{len(arrays[0])} samples are too few to compare samples: at least {MIN_SAMPLES} are needed")
    if covariates is not None and (np.shape(covariates)[:1] != (len(arrays[0]),) or np.ndim(covariates) != 2):
        raise InputError(f"covariates must be [n, e] with n = {len(arrays[0])}; got shape {np.shape(covariates)}")
    if strata is not None and len(strata) != len(arrays[0]):
        raise InputError(f"strata must be n = {len(arrays[0])} labels; got {len(strata)}")
    return arrays


def _form_of(
    arrays: Sequence[Any], form: Form, config: CompareConfig, outside: Sequence[str] | None = None
) -> SampleForm:
    if form not in get_args(Form):
        raise InputError(f"unknown form {form!r}: use {', '.join(get_args(Form))}")
    if form != "neighbours":
        return GramRows.of(arrays, relative=form == "pnka")
    check_k(config.k, len(arrays[0]))
    if outside is None:
        return SharedNeighbours.of(arrays, config)
    _, labels, sizes = np.unique(np.asarray(outside).astype(str), return_inverse=True, return_counts=True)
    check_k(config.k, len(labels) - int(sizes.max()) + 1)
    return SharedNeighbours.of(arrays, config, labels.astype(np.int32))


def _null(
    panel: Permuted,
    shape: tuple[int, int],
    count: int,
    strata: np.ndarray | None,
    seed: int,
    report: Callable[[float, str], None],
) -> np.ndarray:
    """Return the agreement of each sample after permutations of the samples of each family, within strata, [r, n].

    Args:
        panel: agreement after permutation.
        shape: numbers of families and samples.
        count: number of permutations r.
        strata: int [n], or None.
        seed: of the permutations.
        report: called with a fraction and the stage.
    """
    generator, (families, n) = np.random.default_rng([seed, *shape]), shape
    null = np.empty((count, n))
    in_order = None if strata is None else np.argsort(strata, kind="stable")
    for at in range(count):
        if strata is None or in_order is None:
            orders = generator.permuted(np.tile(np.arange(n, dtype=np.int32), (families, 1)), axis=1)
        else:
            orders = np.empty((families, n), np.int32)
            for order in orders:
                order[in_order] = np.lexsort((generator.random(n), strata))
        null[at] = panel(orders)
        report(0.6 + 0.4 * (at + 1) / count, "permutations")
    return null


def _compared_with_like(
    values: np.ndarray, ends: np.ndarray, facts: np.ndarray, codes: np.ndarray, covariates: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the agreement that is expected of each sample, [n], and the normal scores of the residuals, [q, n].

    The facts on a sample in all families enter as polynomials, those in the two families of a pair linearly and as
    products of both.
    """
    n, families = values.shape[1], int(codes.max()) + 1
    ranked = normal_scores(facts)
    own = np.stack([ranked[:, codes == f].mean(1) for f in range(families)], 1)  # [c, f, n]
    panel = normal_scores(own.mean(1))
    degree = 1 + sum(n >= least for least in DEGREES)
    base = [polynomials(panel, degree)]
    if covariates is not None:
        known = normal_scores(np.asarray(covariates, np.float64).T)
        base.append(polynomials(known, min(degree, 2))[:, 1:])
    scale = basis_of(np.concatenate([polynomials(panel, min(degree, 2)), *base[1:]], 1))
    shared = basis_of(np.concatenate(base, 1))
    expected, scores = np.zeros(n), np.empty_like(values)
    for at, (f, g) in enumerate(ends):
        of_pair = [own[:, f] + own[:, g], *([own[:, f] * own[:, g]] if degree > 1 else [])]
        further = basis_of(np.concatenate(of_pair).T, shared)
        fitted, scores[at] = expected_of(values[at], (shared, further), scale)
        expected += fitted / len(ends)
    return expected, scores
