"""The place that a warning points to."""

from __future__ import annotations

import sys


def caller_level() -> int:
    """Return the ``stacklevel`` with which `warnings.warn` points to the first caller that is not part of hyle."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hyle."):
        frame, level = frame.f_back, level + 1
    return level
