"""Benchmark cards in files: reading, and all checks that need one card or several."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hyle.zoo import InputError, MissingFileError, shorten

from ..benchmark import SCHEMA
from .facts import fact_problems
from .schema import Problem, schema_problems
from .strings import string_problems

# A card of the largest panel has 30 kB.
MOST_BYTES = 1_000_000
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Card:
    """A benchmark card that passed all checks.

    Args:
        path: the file.
        data: its content, see `hyle.cli.benchmark`.
    """

    path: Path
    data: dict[str, Any]

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.data["model"])

    @property
    def domain(self) -> str:
        """Domain of the samples."""
        return str(self.data["domain"])


def read_cards(paths: Sequence[Path]) -> list[Card]:
    """Read cards and check them.

    Args:
        paths: files of cards, and folders, of which all files ``*.json`` are read.

    Returns:
        The cards, sorted by domain and model.

    Raises:
        InputError: a card has a problem; the message has one line per problem, with the file and the key.
        MissingFileError: a file does not exist.
    """
    cards: list[Card] = []
    problems: list[str] = []
    for path in _files(paths):
        data, found = _read(path)
        problems += [_line(path, problem) for problem in found]
        if not found:
            cards.append(Card(path, data))
    cards.sort(key=lambda card: (card.domain, card.model, str(card.path)))
    problems += _duplicates(cards)
    if problems:
        raise InputError(_message(problems))
    return cards


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.glob("*.json") if file.is_file() and file.name[0] != ".")
            if not inside:
                raise InputError(f"{path} contains no card (*.json): hyle benchmark MODEL -o {path}/MODEL.json")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise MissingFileError(f"{path} does not exist: hyle benchmark MODEL -o {path} makes a card")
    return list({file.resolve(): file for file in files}.values())


def _read(path: Path) -> tuple[Any, list[Problem]]:
    """Return the content of a file, and its problems."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            return None, [Problem("", f"is larger than {MOST_BYTES // 1000} kB: a card has less than 100 kB")]
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_record, parse_constant=_not_json)
    except OSError as error:
        return None, [Problem("", f"cannot be read: {error.strerror or error}")]
    except RecursionError:
        return None, [Problem("", "is no card: it is nested too deeply")]
    except ValueError as error:
        return None, [Problem("", f"is no JSON: {shorten(error, 120)}")]
    if not isinstance(data, dict) or "sets" not in data or "model" not in data:
        return data, [Problem("", "is no benchmark card; to make one: hyle benchmark MODEL -o MODEL.json")]
    if data.get("schema") != SCHEMA:
        state = f"is {shorten(data['schema'])!r}" if "schema" in data else "is missing"
        return data, [Problem("schema", f"{state}, and must be {SCHEMA!r}; make the card anew: {remake(data)}")]
    found = [*string_problems(data)]
    found += [problem for problem in schema_problems(data) if problem.key not in {one.key for one in found}]
    return data, found or fact_problems(data, remake(data))


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shorten(twice, 40)!r} is there twice in one object")
    if any(isinstance(value, float) and not math.isfinite(value) for value in data.values()):
        raise ValueError("a number is too large")
    return data


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON; hyle writes null")


def remake(data: dict[str, Any]) -> str:
    """Return the command that makes a card anew."""
    name, domain = data.get("model"), data.get("domain")
    model = shlex.quote(shorten(name)) if isinstance(name, str) and name else "MODEL"
    if isinstance(domain, str) and domain.isalpha():
        model += f" --domain {shorten(domain, 20)}"
    return f"hyle benchmark {model} -o card.json"


def _duplicates(cards: Iterable[Card]) -> Iterator[str]:
    """Find two cards of one model in one domain, and models whose names differ only in case."""
    first: dict[str, Card] = {}
    domains: dict[tuple[str, str], Card] = {}
    for card in cards:
        name = card.model.casefold()
        same, twice = first.setdefault(name, card), domains.setdefault((name, card.domain), card)
        if twice is not card:
            text = f"{card.model!r} is also the model of {twice.path}, in the same domain, {card.domain}: keep one"
            yield _line(card.path, Problem("model", text))
        elif same.model != card.model:
            text = f"{card.model!r} differs only in case from {same.model!r} of {same.path}"
            yield _line(card.path, Problem("model", text))


def _line(path: Path, problem: Problem) -> str:
    return f"{shorten(path, 200)}: " + (f"{problem.key}: " if problem.key else "") + problem.text


def _message(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
    return "\n  ".join([f"{len(problems)} problems:", *problems[:_MOST_SHOWN], *more])
