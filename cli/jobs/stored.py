"""Choose among the stored embeddings of models those that belong together."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hyle.zoo import Entry, InputError, Store, shorten, split_node_id

from ..console import say
from .stored_rows import BENCHMARK

# Number of choices that are listed.
SHOWN = 12


@dataclass(frozen=True)
class Choice:
    """Stored embeddings that one source can mean: one layer, or several layers of one model on the same samples.

    Args:
        entries: one for each layer.
        store: that they are in.
        rename: what becomes of an id; by default nothing.
    """

    entries: Sequence[Entry]
    store: Store
    rename: Callable[[str], str] = str

    @property
    def first(self) -> Entry:
        """The entry of the first layer, which stands for all."""
        return self.entries[0]

    @property
    def dataset(self) -> str:
        """The name of the data set."""
        return str(self.first.recipe.get("dataset", self.first.key.dataset))

    @property
    def of_benchmark(self) -> bool:
        """Whether only `hyle benchmark` has asked for these embeddings."""
        return bool(self.first.recipe.get(BENCHMARK))

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of the rows, as they will be joined."""
        return frozenset(map(self.rename, self.store.ids(self.first)))

    @cached_property
    def draw(self) -> tuple[str, frozenset[str]]:
        """The data set and the ids of all samples that the model was given, with those that it does not support."""
        if "per" in self.first.recipe:
            # Models have rows of different atoms of the same samples.
            return self.dataset, frozenset(
                self.rename(split_node_id(i)[0]) for i in self.store.ids(self.first)
            ) | frozenset(map(self.rename, self.store.dropped(self.first)))
        return self.dataset, self.ids | frozenset(map(self.rename, self.store.dropped(self.first)))

    @property
    def in_words(self) -> str:
        """The data set and the number of samples."""
        return f"{shorten(self.dataset)} ({self.size})"

    @property
    def size(self) -> str:
        """The number of samples, or of atoms, residues or tokens."""
        return f"{self.first.n} {self.first.recipe.get('per', 'sample')}s"


def choose_jointly(
    choices: Mapping[str, Sequence[Choice]], known: Iterable[Iterable[str]], *, command: str
) -> dict[str, Choice]:
    """Return one choice for each source, so that all sources have as many samples in common as possible.

    A source with several choices takes the one that shares most ids with the sources that have a single one. If all
    have several, the data set that most of them have is taken, and of several the largest. Embeddings that only
    `hyle benchmark` has asked for are taken only where no others share a sample. One line says what was chosen.

    Args:
        choices: source -> its choices, one at least.
        known: ids of each file of embeddings among the sources.
        command: what the user would have to type, without options, for messages.

    Raises:
        InputError: several choices of a source are equally good; lists them.
    """
    newest = {source: _newest(options) for source, options in choices.items()}
    for source, options in choices.items():
        if len(newest[source]) < len(options):
            say(f"{source}: stored in several versions of the model or of its libraries; taking the newest")
    of_user = {source: _of_user(options) for source, options in newest.items()}
    files = [frozenset(ids) for ids in known]
    fixed = {source: options[0] for source, options in newest.items() if len(options) == 1}
    if not fixed and not files:
        fixed = {source: options[0] for source, options in of_user.items() if len(options) == 1}
    shared = files + [choice.ids for choice in fixed.values()]
    if not shared and newest:
        draw = _most_common_draw(of_user, command)
        for source, options in of_user.items():
            of_draw = [each for each in options if each.draw == draw]
            if len(of_draw) == 1:
                fixed[source] = of_draw[0]
                shared.append(of_draw[0].ids)
            elif of_draw:
                raise _ambiguous(source, of_draw, command)
    common = frozenset.intersection(*shared) if shared else frozenset()
    draws = {choice.draw for choice in fixed.values()}
    for source, options in newest.items():
        if source not in fixed:
            fixed[source] = _best(source, options, common, draws, command)
    _report(newest, fixed)
    return fixed


def choose_draw(choices: Sequence[Choice], *, command: str) -> list[Choice]:
    """Return the choices of one data set, that of most models, where no source is named.

    Raises:
        InputError: several data sets are equally good; lists them.
    """
    by_model: dict[str, list[Choice]] = {}
    choices = _of_user(choices)
    for choice in choices:
        by_model.setdefault(choice.first.key.model, []).append(choice)
    draw = _most_common_draw(by_model, command)
    chosen = _newest([choice for options in by_model.values() for choice in options if choice.draw == draw])
    others = {choice.draw: choice for choice in choices if choice.draw != draw}
    if others:
        models = len({choice.first.key.model for choice in chosen})
        every = [*chosen[:1], *others.values()]
        listed = [f"--dataset {_option(each, every)} ({each.size})" for each in others.values()]
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        say(
            f"taking {draw[0]} ({len(draw[1])} samples), embedded with {models} models; the store also has "
            f"{', '.join(listed[:3])}{more}"
        )
    return chosen


def _of_user(options: Sequence[Choice]) -> list[Choice]:
    """Return the choices that are not of `hyle benchmark`, or all if there are no others."""
    return [choice for choice in options if not choice.of_benchmark] or list(options)


def _newest(options: Sequence[Choice]) -> list[Choice]:
    """Return the choices without those of which a newer one differs only in the weights or in libraries."""
    newest: dict[tuple[object, ...], Choice] = {}
    for choice in sorted(options, key=lambda each: each.first.written):
        key = choice.first.key
        newest[key.model, key.dataset, tuple(e.key.layer for e in choice.entries), key.pooling] = choice
    return [choice for choice in options if choice in newest.values()]


def _most_common_draw(choices: Mapping[str, Sequence[Choice]], command: str) -> tuple[str, frozenset[str]]:
    counts = Counter(draw for options in choices.values() for draw in {choice.draw for choice in options})
    rank = {draw: (count, len(draw[1])) for draw, count in counts.items()}
    best = [draw for draw in rank if rank[draw] == max(rank.values())]
    if len(best) > 1:
        source = next(iter(choices)) if len(choices) == 1 else "the sources"
        options = {choice.draw: choice for each in choices.values() for choice in each if choice.draw in best}
        raise _ambiguous(source, list(options.values()), command)
    return best[0]


def _best(
    source: str, options: Sequence[Choice], common: frozenset[str], draws: set[tuple[str, frozenset[str]]], command: str
) -> Choice:
    """Return the choice that shares most ids with the other sources."""

    def rank(choice: Choice) -> tuple[bool, bool, int, bool, int]:
        count = len(choice.ids & common)
        return count > 0, not choice.of_benchmark, count, choice.draw in draws, choice.first.n

    best = [choice for choice in options if rank(choice) == max(map(rank, options))]
    if len(best) > 1:
        raise _ambiguous(source, best, command)
    return best[0]


def _report(choices: Mapping[str, Sequence[Choice]], fixed: Mapping[str, Choice]) -> None:
    """Say in one line which data set was taken for sources that are stored for several."""
    chosen: dict[str, list[str]] = {}
    for source, options in choices.items():
        if fixed[source].of_benchmark or len({choice.draw for choice in options if not choice.of_benchmark}) > 1:
            chosen.setdefault(fixed[source].in_words, []).append(source)
    for words, sources in chosen.items():
        taken = fixed[sources[0]]
        draws = {choice.draw: choice for source in sources for choice in choices[source]}
        others = [choice for draw, choice in draws.items() if draw != taken.draw]
        if others:
            other = max(others, key=lambda choice: (not choice.of_benchmark, choice.first.n))
            say(
                f"{', '.join(sources)}: taking {words}, of {len(draws)} stored data sets; another: "
                f"--dataset {_option(other, draws.values())} ({other.size})"
            )


def _option(choice: Choice, among: Iterable[Choice]) -> str:
    """Return the value of --dataset for a choice: the name or, if others have the same, with the version."""
    alone = sum(other.dataset == choice.dataset for other in among) == 1
    return shlex.quote(choice.dataset if alone else choice.first.key.dataset)


def _ambiguous(source: str, options: Sequence[Choice], command: str) -> InputError:
    """List the choices, one a line, and return the error that says how to choose."""
    fields = {
        "--dataset": [choice.first.key.dataset for choice in options],
        "--layer": [choice.first.key.layer if len(choice.entries) == 1 else "" for choice in options],
        "--pooling": [choice.first.key.pooling for choice in options],
    }
    by = [name for name, values in fields.items() if len(set(values)) > 1]
    lines = [
        " ".join(f"{name} {shlex.quote(fields[name][i])}" for name in by) for i in range(len(options))
    ]  # what distinguishes each of them
    for line, choice in list(zip(lines, options, strict=True))[:SHOWN]:
        say(f"  {line}  {choice.in_words}")
    if len(options) > SHOWN:
        say(f"  and {len(options) - SHOWN} more")
    return InputError(
        f"{source} can mean {len(options)} stored embeddings, which are listed above; choose one with "
        f"{' and '.join(by)}, for example: {command} {lines[0]}"
    )
