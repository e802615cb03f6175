"""Controls that only their name tells: random numbers and untrained networks from a file or from another library."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..comparison import CONTROL, modalities, model_names

if TYPE_CHECKING:
    import xarray as xr

_CONTROL_NAME = re.compile(r"random|.*\buntrained\b.*", re.IGNORECASE | re.DOTALL)


def with_named_controls(comparison: xr.Dataset) -> xr.Dataset:
    """Return the Comparison with the modality ``control`` for models that are called so.

    A model without a card of hyle has no modality, and a model of the user has that of what it reads.
    """
    kinds = [
        CONTROL if _CONTROL_NAME.fullmatch(name) else kind
        for name, kind in zip(model_names(comparison), modalities(comparison), strict=True)
    ]
    if kinds == modalities(comparison):
        return comparison
    return comparison.assign(modality=("model", kinds))
