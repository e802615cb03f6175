"""Comparisons for the tests of the report."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..synthetic import build

# Names that try to be markup, scripts, paths or another direction of writing.
HOSTILE = [
    "</script><script>window.hurt=1</script>",
    '"><img src=x onerror="window.hurt=1">',
    "quote\"s '`&amp; back\\slash\\u003cb\\u003e",
    "line\u2028and\u2029paragraph",
    "{{ 7 * 7 }} ${7*7} <!--",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "a" * 300,
    "<svg onload=window.hurt=1>",
    "javascript:window.hurt=1",
    "tab\tand\x01control",
    "]]><x>",
    "url(#a)",
]


def rich(names: list[str] | None = None) -> xr.Dataset:
    """Return 12 models with p- and q-values, intervals, remarkable embeddings, and one model that saw the samples."""
    data = build()
    for name in ("cka", "cka_rbf", "mutual_knn", "cknna"):
        values, chance = data[name].values, data[f"{name}_chance"].values
        q = np.where(values < chance + 0.03, 0.4, 0.005)
        data[f"{name}_p"] = (("model", "other"), q, {"permutations": 400, "alpha": 0.05, "fdr": "bh"})
        data[f"{name}_q"] = (("model", "other"), q)
        for end, by in (("low", -0.03), ("high", 0.03)):
            data[f"{name}_{end}"] = (("model", "other"), values + by)
    data["norm_outliers"] = ("model", [0] * 10 + [4, 0])
    data["trained_on_samples"] = ("model", [0, 0, 1] + [0] * 9)
    if names is not None:
        data = data.assign_coords(model=names, other=names)
    return data


def two(names: tuple[str, str] = ("rxnfp", "minilm"), value: float = 0.41) -> xr.Dataset:
    """Return two models with 200 permuted scores, whose mean is 0."""
    data = build(["rxnfp", "minilm"], ["cka"], energies=False)
    data = data.assign_coords(model=list(names), other=list(names))
    data["cka"].values[0, 1] = data["cka"].values[1, 0] = value
    samples = np.random.default_rng(0).normal(0, 0.02, 200)
    null = np.repeat((samples - samples.mean())[:, None], 4, axis=1).reshape(200, 2, 2)
    data["cka_null_samples"] = (("permutation", "model", "other"), null)
    data["cka_p"] = (("model", "other"), np.full((2, 2), 0.005), {"permutations": 200, "alpha": 0.05, "fdr": "bh"})
    data["cka_q"] = (("model", "other"), np.full((2, 2), 0.005))
    data["cka_low"] = (("model", "other"), np.full((2, 2), value - 0.05))
    data["cka_high"] = (("model", "other"), np.full((2, 2), value + 0.05))
    return data
