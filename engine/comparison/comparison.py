"""The result of `compare`: an xarray.Dataset that becomes a DataFrame and shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from .frame import to_frame
from .view import as_html, as_text, can_be_shown


class Comparison(xr.Dataset):
    """All scores of a comparison: an `xarray.Dataset` over ``model`` and ``other``, see `compare`.

    Selections and copies of a Comparison are Comparisons. A notebook shows one as a table of its metrics with the heat
    map of the first; ``comparison.data_vars`` lists all its variables.

    Example:
        >>> import numpy as np
        >>> from hyle.engine import compare
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> comparison = compare({"a": x, "b": 2 * x}, metrics=["mutual_knn"], k=5)
        >>> comparison
        <Comparison of 2 models, 60 samples: a, b>
        metric               value  chance
        mutual k-NN overlap  1.000   0.085
        >>> comparison.to_frame()[["model", "other", "value"]]
          model other  value
        0     a     b    1.0
    """

    __slots__ = ()

    def to_frame(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the scores as a DataFrame, one row for each pair of models (or model) and metric.

        Its columns are ``model``, ``other`` (empty for metrics of one model), ``metric``, ``value``, ``chance`` (the
        chance level), ``p``, ``q``, ``calibrated``, ``error`` (one standard error), ``low`` and ``high`` (the 95 %
        interval), and ``raw`` (before covariates). What was not computed is NaN. A directed metric has two rows for
        each pair, one from ``model`` to ``other`` and one back.

        Args:
            metrics: names of metrics; by default all.

        Raises:
            ValueError: the Comparison has no such metric.
        """
        return to_frame(self, metrics)

    def __repr__(self) -> str:
        return as_text(self) if can_be_shown(self) else super().__repr__()

    def _repr_html_(self) -> str:
        if xr.get_options()["display_style"] == "text" or not can_be_shown(self):
            return super()._repr_html_()
        return as_html(self)


def as_comparison(dataset: xr.Dataset) -> Comparison:
    """Return a Dataset as a Comparison with the same variables, attributes and encoding."""
    comparison = Comparison(dataset.data_vars, dataset.coords, dataset.attrs)
    comparison.encoding = dict(dataset.encoding)
    return comparison
