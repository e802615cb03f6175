"""What an unfinished extraction will become, written beside its shards for those who find it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..base import InputError
from .address import Folder
from .checkpoint import unique_name
from .key import Key
from .signed import text_sha256

PLAN = "extraction.json"


@dataclass(frozen=True)
class Plan:
    """What an extraction will become; see `Store.extraction` for its fields."""

    key: Key
    ids: Sequence[str]
    recipe: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, str]]

    @property
    def text(self) -> str:
        """The plan as JSON; `parse_plan` reads it."""
        plan = json.loads(json.dumps({**vars(self), "key": asdict(self.key), "ids": list(self.ids)}))
        return json.dumps({**plan, "sha256": text_sha256(plan)})


def identity_of(recipe: Mapping[str, Any], ids: Sequence[str]) -> str:
    """Return the name of an extraction, which depends on its recipe and all ids of the data set."""
    return hashlib.sha256(json.dumps([recipe, ids], sort_keys=True).encode()).hexdigest()[:16]


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan of an extraction into its folder, or note the time where it is there: it is in use."""
    text, path, same = plan.text, folder / PLAN, False
    with suppress(OSError):  # it is not there, or belongs to another user
        same = path.read_bytes() == text.encode()
        if same:
            os.utime(path)
            return
    temporary = folder / unique_name(f".{PLAN}")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except PermissionError:
        with suppress(OSError):
            temporary.unlink()
        if not same:
            raise


def read_plan(folder: Path) -> Plan | None:
    """Read the plan of an extraction; return None if there is none, as in extractions of earlier releases.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / PLAN
    return parse_plan(path.read_bytes(), path) if path.is_file() else None


def parse_plan(text: bytes, path: Folder) -> Plan:
    """Return the plan in the text of a file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        plan = json.loads(text)
        sha256 = plan.pop("sha256")
        if sha256 == text_sha256(plan):
            return Plan(Key(**plan["key"]), plan["ids"], plan["recipe"], plan["groups"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: it is written again when the extraction continues") from error
    raise InputError(f"{path} is damaged: it is written again when the extraction continues")
