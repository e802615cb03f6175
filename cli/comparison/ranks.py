"""Between which ranks the pairs of a Comparison lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scores import read_scores

if TYPE_CHECKING:
    import xarray as xr


def with_ranks(comparison: xr.Dataset) -> xr.Dataset:
    """Return a Comparison that keeps jackknife values with the rank of each pair and its interval, by metric."""
    from hyle.engine.analysis import rank_intervals

    found = {}
    for name in read_scores(comparison):
        ranks = rank_intervals(comparison, name)
        for suffix in ranks.data_vars:
            attributes = {"kind": suffix, "of": name, "level": ranks.attrs["level"]}
            found[f"{name}_{suffix}"] = ranks[suffix].assign_attrs(attributes)
    return comparison.assign(found)


def without_resamples(comparison: xr.Dataset) -> xr.Dataset:
    """Return a Comparison without the scores under permutations and without each jackknife group."""
    kinds = ("null_samples", "permutation_order", "jackknife_values")
    return comparison.drop_vars(
        [name for name, each in comparison.data_vars.items() if each.attrs.get("kind") in kinds]
    )
