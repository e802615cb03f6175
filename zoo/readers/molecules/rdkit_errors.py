"""Why RDKit refuses a molecule, from the messages that it logs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...base import shorten

LENGTH = 150  # characters of a reason


def attempt(read: Callable[[], Any]) -> tuple[Any, str]:
    """Call a function of RDKit that returns None if it fails, without its log messages.

    Returns:
        The result, or None and the reason; the reason is empty if RDKit logs none.
    """
    from rdkit import rdBase

    capture = getattr(rdBase, "CaptureErrorLog", rdBase.BlockLogs)  # RDKit before 2026 cannot capture messages
    with rdBase.BlockLogs(), capture() as log:
        try:
            result = read()
        except (RuntimeError, ValueError) as error:  # violated conditions inside of RDKit
            return None, _reason(str(error))
    if result is not None:
        return result, ""
    try:
        return None, _reason(getattr(log, "messages", ""))
    except UnicodeDecodeError:  # a message that quotes a part of a character
        return None, ""


def _reason(messages: str) -> str:
    """Return the first message, without the time, the name of the parser and the input, which the row shows."""
    lines = [re.sub(r"^\[[\d:.]+\]\s*", "", line).strip() for line in messages.splitlines()]
    first = next((line for line in lines if re.search(r"\w", line)), "")  # a line of asterisks precedes some
    first = re.sub(r"^(SMILES Parse Error|ERROR|RDKit ERROR):\s*", "", first)
    first = re.sub(r":? (for input|while parsing):? .*$", "", first)
    return shorten(re.sub(r"\s+", " ", first), LENGTH)
