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
        if str(array.dtype) == "torch.bfloat16":
            import ml_dtypes
            import torch

            # NumPy has no native bfloat16, so torch refuses a direct conversion.
            return array.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return array.numpy()
    return np.asarray(array)


def is_float(dtype: np.dtype) -> bool:
    """Return whether a dtype is real floating point, including bfloat16."""
    return dtype.kind == "f" or dtype.name == "bfloat16"
