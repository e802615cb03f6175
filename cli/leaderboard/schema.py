"""Schema of a benchmark card, as JSON Schema, and its errors in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hyle.zoo import list_benchmarks, list_models, shorten

from ..benchmark import METRICS, SCHEMA

QUADRANTS = ("foundational", "local optimum", "missing information", "sub-optimal")
# Names are shown in tables, compared with each other and made into file names: ASCII, so that no two look alike.
NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9 ._+:/@()=,\-]*[A-Za-z0-9)+])?$"
# No number of a card is larger, so that infinity is none of them.
LARGEST = 1e15

Schema = dict[str, Any]


class Problem(NamedTuple):
    """A problem of a card: the key it is at, such as ``sets.in.n``, and what is wrong; the key may be empty."""

    key: str
    text: str


def _number(low: float = -LARGEST, high: float = LARGEST, *, null: bool = False) -> Schema:
    return {"type": ["number", "null"] if null else "number", "minimum": low, "maximum": high}


def _integer(low: int, high: float = LARGEST, *, null: bool = False) -> Schema:
    return {"type": ["integer", "null"] if null else "integer", "minimum": low, "maximum": high}


def _text(longest: int = 2000) -> Schema:
    return {"type": "string", "maxLength": longest}


def _record(keys: dict[str, Schema], *, null: bool = False, optional: Sequence[str] = ()) -> Schema:
    required = [key for key in keys if key not in optional]
    return {"type": ["object", "null"] if null else "object", "properties": keys, "required": required}


def _table(values: Schema, most: int = 1000) -> Schema:
    return {"type": "object", "additionalProperties": values, "maxProperties": most}


def _list(items: Schema, most: int = 1000) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _estimate(low: float, high: float, **more: Schema) -> Schema:
    ends = {key: _number(low - 100, high + 100, null=True) for key in ("low", "high")}
    value = {"value": _number(low, high, null=True), "se": _number(0, 1e6, null=True)}
    return _record(value | ends | more)


_NAME: Schema = {"type": "string", "maxLength": 80, "pattern": NAME}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SHARE = _number(0, 1)
# A calibrated score is 1 at best, and below 0 where it is below chance.
_CALIBRATED = (-1000.0, 1.0)


def card_schema() -> Schema:
    """Return the schema of a card as JSON Schema, draft 2020-12; keys that it does not name are allowed."""
    one = _one_set()
    probability = {"type": ["object", "null"], "additionalProperties": _SHARE, "required": list(QUADRANTS)}
    return _record(
        {
            "schema": {"const": SCHEMA},
            "hyle_version": {**_text(40), "minLength": 1},
            "model": _NAME,
            "family": {"anyOf": [{"const": ""}, _NAME]},
            "modality": {"enum": ["", "unknown", *sorted({card.modality for card in list_models()})]},
            "parameters": _integer(0),
            "licence": _text(200),
            "citation": _text(400),
            "url": {**_text(300), "pattern": r"^(https://[!-~]+)?$"},
            "trained_on": _list(_text(200), 100),
            "trained_on_it": _list(_text(200), 100),
            "domain": {"enum": sorted({bench.domain for bench in list_benchmarks()})},
            "metric": {"const": METRICS[0]},
            "embedding_sha256": _record({"in": _SHA256, "out": _SHA256}, optional=["out"]),
            "recipe": _record({"in": _table({}), "out": _table({})}, optional=["out"]),
            "dropped": _record({"in": _table(_text()), "out": _table(_text())}, optional=["out"]),
            "sets": _record({"in": one, "out": one}, optional=["out"]) | {"additionalProperties": False},
            "ood_missing_reason": _text(),
            "generality": {"type": ["object", "null"]},
            "diagnosis": _record(
                {
                    "quadrant": {"enum": [None, *QUADRANTS]},
                    "probability": probability,
                    "median": {"type": ["array", "null"], "items": _number(), "minItems": 2, "maxItems": 2},
                    "words": _text(),
                }
            ),
        },
        optional=["url"],
    )


def _one_set() -> Schema:
    pair = _estimate(*_CALIBRATED, model=_NAME)
    mean = _estimate(*_CALIBRATED, p=_number(0, 1, null=True), control_value=_number(*_CALIBRATED, null=True))
    return _record(
        {
            "dataset": {"enum": [bench.name for bench in list_benchmarks()]},
            "version": _text(40),
            "n": _integer(20, 1e6),
            "k": _integer(1, 1e6),
            "performance": _record(
                {
                    "kind": {**_text(60), "minLength": 1},
                    "label": _text(100),
                    "units": _text(30),
                    "value": _number(),
                    "se": _number(0, 1e6, null=True),
                    "n": _integer(1, 1e6),
                    "rank": _integer(1, 1e6, null=True),
                    "of": _integer(1, 1e6, null=True),
                    "control": {"anyOf": [{"type": "null"}, _NAME]},
                    "control_value": _number(null=True),
                },
                null=True,
            ),
            "unranked_reason": _text(),
            "alignment": _table(_record({"panel": mean}), 50) | {"required": [METRICS[0]]},
            "dimension": _table(_estimate(0, 1e6), 20),
            "relatives": _list(pair),
            "own_family": _list(pair),
            "controls": _list(pair),
            "copies": _list(_record({"model": _NAME})),
            "made_of": _list(_NAME),
            "panel": _record(
                {
                    "sha256": _SHA256,
                    "hyle_version": _text(40),
                    "date": _text(10),
                    "controls": _table({"type": "object"}),
                    "models": _table(
                        _record(
                            {
                                "family": _NAME,
                                "modality": _text(40),
                                "performance": _number(null=True),
                                "performance_se": _number(0, 1e6, null=True),
                                "alignment": _estimate(*_CALIBRATED),
                            }
                        )
                    ),
                }
            ),
        }
    )


def schema_problems(card: Any) -> list[Problem]:
    """Return what does not match the schema, sorted by key."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(card_schema()).iter_errors(card)
    return sorted({problem for error in errors for problem in _problems(error)})


def _problems(error: Any) -> Iterator[Problem]:
    key, value, allowed = join_key(error.absolute_path), error.instance, error.validator_value
    if error.validator == "required":
        for name in allowed:
            if name not in value:
                yield Problem(join_key([*error.absolute_path, name]), "is missing")
    elif error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in set(value) - set(known):
            yield Problem(join_key([*error.absolute_path, name]), f"is not a known key: only {', '.join(known)}")
    else:
        yield Problem(key, f"{_rule(error.validator, allowed, error.schema)}; it is {_shown(value)}")


def _rule(validator: str, allowed: Any, schema: Any) -> str:
    if validator == "type":
        return f"must be of type {' or '.join([allowed] if isinstance(allowed, str) else allowed)}"
    if validator in ("enum", "const"):
        values = [allowed] if validator == "const" else allowed
        return f"must be {' or '.join(_shown(value) for value in values)}"
    if validator in ("minimum", "maximum"):
        return f"must be from {schema['minimum']:g} to {schema['maximum']:g}"
    if validator in ("maxLength", "maxItems", "maxProperties"):
        return f"is too long: at most {allowed} {'characters' if validator == 'maxLength' else 'entries'}"
    if validator in ("minLength", "minItems"):
        return "is too short"
    if validator == "pattern" and allowed == _SHA256["pattern"]:
        return "must be a SHA-256, 64 hexadecimal digits"
    if validator == "pattern" and "https" in allowed:
        return "must be an address that starts with https://"
    return "must be a name of letters, digits, blanks and . _ + : / @ ( ) = , -"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(shorten(value)) if isinstance(value, str) else shorten(value)


def join_key(parts: Sequence[Any]) -> str:
    """Return the key of a value in a card, such as ``sets.in.relatives[0].value``, in at most 120 characters."""
    key = ""
    for part in parts:
        key += f"[{part}]" if isinstance(part, int) else f".{shorten(part, 40)}" if key else shorten(part, 40)
    return shorten(key, 120)
