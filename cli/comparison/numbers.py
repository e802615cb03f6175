"""Format numbers, and read attributes."""

from __future__ import annotations

from typing import Any

import numpy as np


def text(attrs: dict[Any, Any], key: str) -> str:
    """Return an attribute as text, empty if it is missing."""
    value = attrs.get(key)
    return "" if value is None else str(value)


def number(value: float, digits: int) -> str:
    """Format a number with the minus sign U+2212, and without a sign if it rounds to zero."""
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown.replace("-", "−")


def estimate(value: float, error: float, digits: int = 2) -> str:
    """Format a number with its standard error, if there is one: 5.12 ± 0.20; a dash for NaN."""
    if np.isnan(value):
        return "–"
    return number(value, digits) + (f" ± {number(error, digits)}" if np.isfinite(error) else "")


def integer(value: Any) -> int | None:
    """Return an attribute as an integer, None if it is missing: None, empty or NaN."""
    return None if _missing(value) else int(value)


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
