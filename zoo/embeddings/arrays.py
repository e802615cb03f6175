"""Conversion of arrays and tensors to NumPy, without importing the library that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Return an array from any device as a NumPy array of the same dtype.

    Args:
        array: NumPy array, torch tensor (detached from its graph), JAX array or nested list.
    """
    if type(array).__module__.split(".")[0] == "torch":
        array = array.detach().cpu()
        dtype = str(array.dtype).removeprefix("torch.")
        if dtype == "bfloat16" or dtype.startswith("float8"):
            import ml_dtypes
            import torch

            # NumPy itself has none of these, so torch refuses a direct conversion.
            bits = torch.int16 if dtype == "bfloat16" else torch.uint8
            return array.view(bits).numpy().view(getattr(ml_dtypes, dtype))
        return array.numpy()
    return np.asarray(array)


def is_float(dtype: np.dtype) -> bool:
    """Return whether a dtype is real floating point, including bfloat16 and the 8-bit formats."""
    return dtype.kind == "f" or dtype.name == "bfloat16" or dtype.name.startswith("float8")
