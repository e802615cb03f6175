"""Representations as they are compared: joined by id, without covariates, centred and padded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..base import caller_level, pad_width
from ..preprocess import ExplainedWarning, orthonormal_basis, regress_out
from .join import Joined, join


@dataclass(frozen=True)
class Inputs:
    """Representations of the same samples, ready to be compared.

    Args:
        joined: centred where that was asked for, and without what covariates explain.
        widths: columns of each before padding.
        covariates: what was regressed out, in words.
        before: the same rows before covariates were regressed out; empty without covariates.
        all_ids: ids of all samples that were joined, also of those that residuals drop.
        explained: names of the representations of which the covariates leave nothing.
    """

    joined: Joined
    widths: list[int]
    covariates: str
    before: list[Any]
    all_ids: list[str]
    explained: list[str]

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.joined.ids)


def prepare_inputs(representations: Mapping[str, Any], covariates: Any, *, centre: bool) -> Inputs:
    """Join representations by id, regress covariates out, and centre the columns if that is asked for.

    Warns:
        ExplainedWarning: covariates leave nothing of a representation but rounding errors.
    """
    joined, words, before, all_ids = _join(representations, covariates)
    explained = [
        name
        for name, x, raw in zip(joined.names, joined.arrays, before, strict=False)
        if not np.asarray(x).any() and np.asarray(raw).any()
    ]
    if explained:
        warnings.warn(
            f"the covariates explain {', '.join(explained[:5])}{', ...' * (len(explained) > 5)} wholly: only rounding "
            "errors would be left, and the scores are not defined",
            ExplainedWarning,
            stacklevel=caller_level(),
        )
    if centre:
        joined = replace(joined, arrays=[_centred(x) for x in joined.arrays])
        before = [_centred(x) for x in before]
    widths = [int(x.shape[1]) for x in joined.arrays]
    joined = replace(joined, arrays=[_pad_columns(x) for x in joined.arrays])
    return Inputs(joined, widths, words, [_pad_columns(x) for x in before], all_ids, explained)


def _join(representations: Mapping[str, Any], covariates: Any) -> tuple[Joined, str, list[Any], list[str]]:
    """Join by id and regress covariates out; return what that was in words, the same rows before it, and all ids."""
    if covariates is None:
        joined = join(representations)
        return joined, "none", [], joined.ids
    joined = join({**representations, "covariates": covariates})
    *arrays, columns = joined.arrays
    basis = orthonormal_basis(columns)
    ids = [joined.ids[row] for row in basis.rows]
    kept = Joined(
        joined.names[:-1],
        [_regressed(x, basis, dtype) for x, dtype in zip(arrays, joined.dtypes[:-1], strict=True)],
        ids,
        joined.rows_in[:-1],
        joined.dtypes[:-1],
        joined.notes,
        joined.warning,
    )
    explained = f"{columns.shape[1]} columns of rank {basis.span.shape[1] - 1}, BLUS residuals of {len(ids)} samples"
    return kept, explained, [x[basis.rows] for x in arrays], joined.ids


def _regressed(x: Any, basis: Any, dtype: str) -> Any:
    rows = regress_out(x, basis, dtype=dtype)
    return np.asarray(rows) if isinstance(x, np.ndarray) else rows


def _centred(x: Any) -> Any:
    return x - (x.mean(0, dtype=np.float64).astype(x.dtype) if isinstance(x, np.ndarray) else x.mean(0))


def _pad_columns(x: Any) -> Any:
    """Append columns of zeros, which change nothing, so that JAX compiles for few widths; NumPy needs none."""
    if isinstance(x, np.ndarray):
        return x
    d, width = x.shape[1], pad_width(x.shape[1])
    return jnp.pad(x, ((0, 0), (0, width - d))) if width > d else x
