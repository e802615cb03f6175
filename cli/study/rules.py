"""The registered rules: what each claim of the study states, how it is tested, and which effect would matter."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

PATH = Path(__file__).parent / "rules.toml"
Scale = Literal["linear", "correlation", "ratio"]


@dataclass(frozen=True)
class Rule:
    """One test of a claim.

    Args:
        statistic: what is estimated, in words.
        unit: what is independent of what.
        null: value of the statistic if there is no effect.
        smallest: smallest effect that would matter, on the claimed side of `null`.
        scale: on which intervals are symmetric: the statistic itself, Fisher's z or the logarithm.
        of_study: the effect that the study reports; None where it gives no number.
    """

    statistic: str
    unit: str
    null: float
    smallest: float
    scale: Scale
    of_study: float | None = None

    @property
    def sign(self) -> int:
        """1 where the claimed effect is above the null value, else -1."""
        return 1 if self.smallest > self.null else -1


@dataclass(frozen=True)
class Claim:
    """A claim of the study, or about it.

    Args:
        name: key in the file.
        claim: the claim, in our words.
        sets: data sets that it is tested on.
        tests: name -> rule; a claim needs all of them.
        in_study: whether the study makes the claim; else it is something a reader of the study must know.
    """

    name: str
    claim: str
    sets: tuple[str, ...]
    tests: Mapping[str, Rule]
    in_study: bool = True


@dataclass(frozen=True)
class Rules:
    """All claims, with the level of the tests.

    Args:
        level: of each error rate, over all claims.
        claims: name -> claim, in the order of the file.
        sha256: of the file.
    """

    level: float
    claims: Mapping[str, Claim]
    sha256: str


@functools.cache
def load_rules(path: Path = PATH) -> Rules:
    """Read the registered rules.

    Raises:
        ValueError: a rule has an unknown scale, or no effect that would matter.
    """
    text = path.read_bytes()
    data: dict[str, Any] = tomllib.loads(text.decode())
    claims = {}
    for name, entry in data["claims"].items():
        tests = {test: Rule(**facts) for test, facts in entry["tests"].items()}
        for test, rule in tests.items():
            if rule.scale not in get_args(Scale):
                raise ValueError(f"{path}: {name}.{test} has the unknown scale {rule.scale!r}")
            if rule.smallest == rule.null:
                raise ValueError(f"{path}: {name}.{test} has no effect that would matter")
        claims[name] = Claim(name, entry["claim"], tuple(entry["sets"]), tests, entry.get("in_study", True))
    return Rules(float(data["level"]), claims, hashlib.sha256(text).hexdigest())
