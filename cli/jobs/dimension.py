"""Estimate the intrinsic dimension of single representations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import numpy as np

from hyle.zoo import InputError, Representation, did_you_mean

from ..comparison import errors, outlying, text, without
from ..options import split

# The estimators by their name in `hyle.engine.intrinsic_dimension`, and the engine's metric of each.
ESTIMATORS = {
    "mle": "intrinsic_dimension",
    "mle_arithmetic": "intrinsic_dimension_mle_arithmetic",
    "twonn": "intrinsic_dimension_twonn",
    "twonn_ml": "intrinsic_dimension_twonn_ml",
    "gride": "intrinsic_dimension_gride",
}
ScaleEstimator = Literal["gride", "twonn", "twonn_ml"]
SCALE_ESTIMATORS = get_args(ScaleEstimator)
# Minimum number of rows of a subset of the decimation, where there are as many.
SMALLEST = 32


def dimension(
    representations: Sequence[Representation], *, estimators: Sequence[str] = ("mle", "twonn"), k: int | None = None
) -> list[dict[str, Any]]:
    """Estimate the intrinsic dimension of each representation.

    Args:
        representations: each is estimated on all of its rows; they are not joined.
        estimators: names of `ESTIMATORS`.
        k: number of neighbours of all estimators but TwoNN; default 50, or n / 10 of fewer than 500 distinct rows.

    Returns:
        For each representation: ``name``, ``n``, ``width``, ``duplicates`` (rows that repeat an earlier row, exactly or
        up to floating-point noise), ``dead_columns`` (constant over the samples),
        ``top_column_share`` (largest fraction of the variance in one column) and the recipe; under ``estimates``, for
        each estimator, ``value``, ``error`` (one standard error, NaN where the estimator has none), ``n_used`` (rows
        that repeat no earlier row), ``k`` and ``estimator`` in words; under ``norm_outliers`` the ids of rows that are
        far from the others and, where there are any, the same facts of the other rows under ``without_outliers``.
    """
    rows = []
    for rep in representations:
        ids = outlying(rep)
        facts, chosen_k = _facts(rep, estimators, k)
        rows.append(facts | {"norm_outliers": ids})
        others = without(rep, ids)
        if ids and len(others.ids) >= 4:
            rows[-1]["without_outliers"], _ = _facts(others, estimators, min(chosen_k, len(others.ids) - 1))
    return rows


def _facts(rep: Representation, estimators: Sequence[str], k: int | None) -> tuple[dict[str, Any], int]:
    """Return the facts of a representation, and the number of neighbours that was used."""
    from hyle.engine import compare

    result = compare({rep.name: rep}, metrics=[ESTIMATORS[name] for name in estimators], dimension_k=k)
    facts = {
        "name": rep.name,
        "n": int(result.attrs["n"]),
        "width": int(result["dim"].values[0]),
        "duplicates": int(result["duplicates"].values[0]),
        "dead_columns": int(result["dead_columns"].values[0]),
        "top_column_share": float(result["top_column_share"].values[0]),
        "estimates": {
            name: {
                "value": float(result[metric].values[0]),
                "error": errors(result, metric)[0],
                "n_used": int(result[f"{metric}_n_used"].values[0]),
                "k": int(result[metric].attrs["k"]),
                "estimator": text(result[metric].attrs, "estimator"),
            }
            for name, metric in ((name, ESTIMATORS[name]) for name in estimators)
        },
        "dtype": result.attrs["dtype"],
        "sample_hash": result.attrs["sample_hash"],
        "hyle_version": result.attrs["hyle_version"],
    }
    return facts, int(result.attrs["dimension_k"])


def scales(
    representations: Sequence[Representation],
    *,
    estimators: Sequence[str] = ("gride", "twonn_ml"),
    k: int | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Estimate the intrinsic dimension of each representation at increasing scales.

    Args:
        representations: each is estimated on all of its rows.
        estimators: ``gride``, which uses more distant neighbours at each scale; ``twonn`` and ``twonn_ml``, which use
            smaller subsets of the rows (decimation).
        k: the largest number of neighbours of gride; default 64, or all of fewer rows.
        seed: seed of the decimation.

    Returns:
        For each representation and estimator: ``name``, ``estimator``, ``n``, ``width``, and under ``scales`` one entry
        per scale, the smallest first: order, distance, dimension, error and n_used, see
        `hyle.engine.DimensionScales`.
    """
    from hyle.engine import dimension_scales

    rows = []
    for rep in representations:
        n, width = rep.embedding.shape
        for name in estimators:
            result = dimension_scales(
                rep.embedding, estimator=cast(ScaleEstimator, name), k=k, smallest=min(SMALLEST, int(n)), seed=seed
            )
            curve = [
                dict(zip(result._fields, (float(v) if v.dtype.kind == "f" else int(v) for v in scale), strict=True))
                for scale in zip(*map(np.asarray, result), strict=True)
            ]
            rows.append({"name": rep.name, "estimator": name, "n": int(n), "width": int(width), "scales": curve})
    return rows


def estimator_names(words: str | None, *, of_scales: bool) -> tuple[str, ...]:
    """Return the estimators of a comma-separated list; ``all`` is all of them.

    Args:
        words: the list; None for the default.
        of_scales: whether the estimators are those of `scales` rather than of `dimension`.

    Raises:
        InputError: an unknown estimator, or one that has no scales where `of_scales` is set.
    """
    known = SCALE_ESTIMATORS if of_scales else tuple(ESTIMATORS)
    names = split(words)
    if names is None:
        return ("gride", "twonn_ml") if of_scales else ("mle", "twonn")
    for name in names:
        if name not in (*known, "all"):
            purpose = "of a scale" if of_scales else "of the dimension"
            raise InputError(
                f"no estimator {purpose} is called {name!r}{did_you_mean(name, known)} (there are: "
                f"{', '.join(known)}, all)"
            )
    return tuple(dict.fromkeys(one for name in names for one in (known if name == "all" else (name,))))


def check_k(representations: Sequence[Representation], k: int | None) -> None:
    """Check the number of neighbours against the number of rows, before anything is computed.

    Raises:
        InputError: k is too large for one of the representations.
    """
    for rep in representations:
        if k is not None and k > len(rep.ids) - 1:
            raise InputError(
                f"-k {k} is too many for the {len(rep.ids)} rows of {rep.name}: use 2 to {len(rep.ids) - 1}"
            )
