"""Facts that a card states and that can be checked without the rows: against itself, the panels and the model cards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hyle.zoo import InputError, ModelCard, ReferencePanel, find_benchmark, list_models, load_panel, shorten

from .schema import Problem

# Lowest probability at which a quadrant is reported.
_REPORTED = 0.8
_FACTS = ("family", "modality", "parameters", "licence", "citation")


def fact_problems(card: dict[str, Any], remake: str) -> list[Problem]:
    """Return contradictions within a card, and with the panels and the model cards that are part of hyle.

    Args:
        card: matches the schema.
        remake: command that makes the card anew.
    """
    problems = [*_roles(card), *_diagnosis(card["diagnosis"]), *_model(card)]
    for role, one in card["sets"].items():
        key = f"sets.{role}"
        problems += [Problem(f"{key}.{problem.key}", problem.text) for problem in _one_set(card, role, one, remake)]
    return problems


def _roles(card: dict[str, Any]) -> Iterator[Problem]:
    roles = set(card["sets"])
    for key in ("embedding_sha256", "recipe", "dropped"):
        if set(card[key]) != roles:
            yield Problem(key, f"is of {' and '.join(card[key])}, and sets is of {' and '.join(card['sets'])}")


def _diagnosis(diagnosis: dict[str, Any]) -> Iterator[Problem]:
    probability, name = diagnosis["probability"], diagnosis["quadrant"]
    if probability is None:
        if name is not None:
            yield Problem("diagnosis.quadrant", f"is {name!r} without a probability")
        return
    if abs(sum(probability.values()) - 1) > 0.01:
        yield Problem("diagnosis.probability", f"must have the sum 1; it has {sum(probability.values()):.3g}")
    if name is not None and probability[name] < _REPORTED:
        yield Problem(
            "diagnosis.quadrant", f"is {name!r} with a probability of {probability[name]:.2f}: at least 0.8 is needed"
        )


def _model(card: dict[str, Any]) -> Iterator[Problem]:
    """Compare the card with the model card of the same name, if hyle has one."""
    known: ModelCard | None = next(
        (one for one in list_models() if one.name.casefold() == card["model"].casefold()), None
    )
    if known is None:
        return
    if card["model"] != known.name:
        yield Problem("model", f"differs only in case from the model {known.name!r} of hyle")
    made_by = card["recipe"]["in"].get("model")
    if made_by != known.name:
        text = f"is {shorten(made_by)!r}, and {known.name!r} is a model of hyle: give the model another name"
        yield Problem("recipe.in.model", text)
    for key in _FACTS:
        if card[key] != getattr(known, key):
            text = f"is {shorten(card[key])!r}, and the model card of {known.name} says {getattr(known, key)!r}"
            yield Problem(key, text)


def _one_set(card: dict[str, Any], role: str, one: dict[str, Any], remake: str) -> Iterator[Problem]:
    bench = find_benchmark(one["dataset"])
    if (bench.role, bench.domain) != (role, card["domain"]):
        domain = card["domain"]
        text = f"{bench.name} is the set of {bench.domain}, role {bench.role!r}, and not of {domain}, role {role!r}"
        yield Problem("dataset", text)
        return
    try:
        panel = load_panel(bench.name)
    except InputError as error:
        yield Problem("panel", str(error))
        return
    if one["panel"]["sha256"] != panel.sha256 or one["version"] != panel.version:
        key = "version" if one["version"] != panel.version else "panel.sha256"
        text = f"is not that of the panel of {bench.name} that is part of hyle; make the card anew: {remake}"
        yield Problem(key, text)
        return
    yield from _counts(one, len(panel.ids))
    yield from _estimates(one, "")
    yield from _members(one, panel)


def _counts(one: dict[str, Any], samples: int) -> Iterator[Problem]:
    if one["n"] > samples:
        yield Problem("n", f"is {one['n']}, and the set has {samples} samples")
    if one["k"] >= one["n"]:
        yield Problem("k", f"is {one['k']}, and must be less than n, {one['n']}")
    if score := one["performance"]:
        if score["n"] > samples:
            yield Problem("performance.n", f"is {score['n']}, and the set has {samples} samples")
        if (score["rank"] is None) != (score["of"] is None) or (score["rank"] or 0) > (score["of"] or 0):
            yield Problem("performance.rank", f"is {score['rank']} of {score['of']}")


def _estimates(value: Any, key: str) -> Iterator[Problem]:
    """Find intervals, at any depth, that do not contain their value."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _estimates(item, f"{key}[{i}]")
    elif isinstance(value, dict):
        numbers = [value.get(name) for name in ("low", "value", "high")]
        low, middle, high = (number if isinstance(number, int | float) else 0.0 for number in numbers)
        if None not in numbers and not low - 1e-9 <= middle <= high + 1e-9:
            yield Problem(key, f"has the value {middle:g} outside of its interval, {low:g} to {high:g}")
        for name, item in value.items():
            yield from _estimates(item, f"{key}.{name}" if key else name)


def _members(one: dict[str, Any], panel: ReferencePanel) -> Iterator[Problem]:
    members = {member.name: member for member in panel.members}
    for key in ("relatives", "own_family", "controls", "copies"):
        names = [entry["model"] for entry in one[key]]
        allowed = [*members, *one["panel"]["controls"]] if key == "controls" else members
        if unknown := [name for name in names if name not in allowed]:
            yield Problem(key, f"names {unknown[0]!r}, which is not in the panel of {panel.name}")
        if len(set(names)) < len(names):
            yield Problem(key, "has a model twice")
    for name, entry in one["panel"]["models"].items():
        if name not in members:
            yield Problem(f"panel.models.{shorten(name, 40)}", f"is not in the panel of {panel.name}")
            continue
        member = members[name]
        for fact in ("family", "modality"):
            if entry[fact] != getattr(member, fact):
                text = f"is {shorten(entry[fact])!r}, and the panel says {getattr(member, fact)!r}"
                yield Problem(f"panel.models.{name}.{fact}", text)
        stated = member.scores.get(one["performance"]["kind"]) if one["performance"] else None
        value = entry["performance"]
        if stated and (value is None or not math.isclose(value, stated.value, rel_tol=1e-6, abs_tol=1e-9)):
            text = f"is {value}, and the panel says {stated.value:g}"
            yield Problem(f"panel.models.{name}.performance", text)
