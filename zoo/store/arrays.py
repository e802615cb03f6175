"""Tensors of any library as NumPy arrays, recognised without importing that library."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(array: Any) -> np.ndarray:
    """Return an array as a NumPy array of the same dtype, from whatever device it lies on.

    Args:
        array: NumPy array, torch tensor (gradients are cut off), JAX array or nested list.
    """
    if type(array).__module__.split(".")[0] == "torch":
        array = array.detach().cpu()
        if str(array.dtype) == "torch.bfloat16":
            import ml_dtypes
            import torch

            # NumPy has no bfloat16 of its own, so torch refuses the direct way.
            return array.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return array.numpy()
    return np.asarray(array)


def is_float(dtype: np.dtype) -> bool:
    """Whether a dtype is a real floating one, bfloat16 among them."""
    return dtype.kind == "f" or dtype.name == "bfloat16"
