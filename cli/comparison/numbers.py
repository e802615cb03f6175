"""Numbers as text."""

from __future__ import annotations

from typing import Any

import numpy as np


def text(attrs: dict[Any, Any], key: str) -> str:
    """Return an attribute as text, empty where it is missing."""
    value = attrs.get(key)
    return "" if value is None else str(value)


def number(value: float, digits: int) -> str:
    """Return a number with a true minus sign, and no minus before zero."""
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown.replace("-", "−")


def estimate(value: float, error: float, digits: int = 2) -> str:
    """Return a number with its standard error, where it has one: 5.12 ± 0.20."""
    if np.isnan(value):
        return "–"
    return number(value, digits) + (f" ± {number(error, digits)}" if np.isfinite(error) else "")


def integer(value: Any) -> int | None:
    """Return an attribute as an integer, None where it is missing."""
    return None if _missing(value) else int(value)


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
