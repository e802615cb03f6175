"""What an unfinished extraction will become, written beside its shards for those who find it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._errors import InputError
from .checkpoint import text_sha256, unique_name
from .key import Key

PLAN = "extraction.json"


@dataclass(frozen=True)
class Plan:
    """What an extraction will become; see `Store.extraction` for its fields."""

    key: Key
    ids: Sequence[str]
    recipe: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, str]]


def identity_of(recipe: Mapping[str, Any], ids: Sequence[str]) -> str:
    """Return the name of an extraction, which depends on its recipe and all ids of the data set."""
    return hashlib.sha256(json.dumps([recipe, ids], sort_keys=True).encode()).hexdigest()[:16]


def write_plan(
    folder: Path,
    key: Key,
    ids: Sequence[str],
    recipe: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the plan of an extraction into its folder, unless it is there."""
    plan = json.loads(json.dumps({"key": asdict(key), "ids": list(ids), "recipe": recipe, "groups": groups}))
    text = json.dumps({**plan, "sha256": text_sha256(plan)})
    path = folder / PLAN
    if not path.is_file() or path.read_bytes() != text.encode():
        temporary = folder / unique_name(f".{PLAN}")
        temporary.write_text(text, "utf-8")
        temporary.replace(path)


def read_plan(folder: Path) -> Plan | None:
    """Read the plan of an extraction; return None if there is none, as in extractions of earlier releases.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    try:
        plan = json.loads(path.read_text("utf-8"))
        sha256 = plan.pop("sha256")
        if sha256 == text_sha256(plan):
            return Plan(Key(**plan["key"]), plan["ids"], plan["recipe"], plan["groups"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: it is written again when the extraction continues") from error
    raise InputError(f"{path} is damaged: it is written again when the extraction continues")
