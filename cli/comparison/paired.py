"""Differences between two pairs of models, and noise ceilings, as text and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import InputError

from ..tables import print_table
from .numbers import estimate, number
from .scores import model_names, read_scores

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import PairDifference

Pair = tuple[str, str]


def parse_pair(text: str, names: Sequence[str], option: str) -> Pair:
    """Split ``A-B`` or ``A,B`` into the names of two models, which may contain hyphens themselves.

    Raises:
        InputError: not two of the names, or several ways to read it.
    """
    found = {
        (text[:i].strip(), text[i + 1 :].strip())
        for i, letter in enumerate(text)
        if letter in "-," and text[:i].strip() in names and text[i + 1 :].strip() in names
    }
    if len(found) > 1:
        raise InputError(f"{option} {text} can be read in several ways: put a comma between the two names")
    if not found:
        raise InputError(f"{option} {text} is not a pair of two models, such as {names[0]}-{names[-1]}: {_some(names)}")
    pair = found.pop()
    if pair[0] == pair[1]:
        raise InputError(f"{option} {text}: name two different models")
    return pair


def parse_difference(text: str, names: Sequence[str]) -> tuple[Pair, Pair]:
    """Split ``A-B:A-C`` into two pairs of models.

    Raises:
        InputError: not two different pairs of the names.
    """
    option = "--difference"
    if len(names) < 3:
        raise InputError(f"{option} {text}: {len(names)} representations have a single pair: compare three at least")
    for i, letter in enumerate(text):
        if letter == ":":
            try:
                first, second = (parse_pair(part, names, option) for part in (text[:i], text[i + 1 :]))
            except InputError:
                if text.count(":") == 1:
                    raise
                continue
            if set(first) == set(second):
                raise InputError(f"{option} {text}: both pairs are the same")
            return first, second
    raise InputError(f"{option} {text}: two pairs are needed, as in {names[0]}-{names[1]}:{names[0]}-{names[-1]}")


def differences_of(comparison: xr.Dataset, pairs: Sequence[tuple[Pair, Pair]]) -> list[PairDifference]:
    """Return the differences of all pair metrics for two pairs each."""
    if not pairs:
        return []
    from hyle.engine.analysis import pair_difference

    return [pair_difference(comparison, name, *each) for each in pairs for name in read_scores(comparison)]


def differences_data(differences: Sequence[PairDifference]) -> list[dict[str, Any]]:
    """Return differences as plain data."""
    return [each._asdict() | {"difference": each.difference._asdict()} for each in differences]


def print_differences(differences: Sequence[PairDifference]) -> None:
    """Print a row for each difference and metric."""
    rows = [
        (
            each.metric,
            "-".join(each.first),
            "-".join(each.second),
            *(number(score, 3) for score in each.scores),
            estimate(each.difference.value, each.difference.se, 3),
            f"{number(each.difference.low, 3)} to {number(each.difference.high, 3)}",
            _p(each.p),
            _p(each.p_unrelated),
        )
        for each in differences
    ]
    headings = ("metric", "pair", "other pair", "score", "score", "difference", "95 % interval", "p", "p (unrelated)")
    click.echo()
    print_table(headings, rows, right=headings[3:], keys=3)
    click.echo(
        "p: both pairs have the same score over all such samples, by delete-a-group jackknife; "
        "p (unrelated): neither pair has anything in common, by permutation"
    )
    opposite = dict.fromkeys(_shared(each) for each in differences if _is_opposite(each))
    if opposite:
        click.echo(
            f"p (unrelated) needs one permutation of both pairs, and {' or '.join(opposite)} was permuted in one pair "
            "only; rename it to sort before or after both other models"
        )


def ceilings_of(comparison: xr.Dataset, pair: Pair) -> dict[str, xr.Dataset]:
    """Return the shares of a noise ceiling by pair metric."""
    from hyle.engine.analysis import ceiling_shares

    return {name: ceiling_shares(comparison, name, pair) for name in read_scores(comparison)}


def ceilings_data(ceilings: dict[str, xr.Dataset]) -> dict[str, Any]:
    """Return shares of a noise ceiling as plain data, by metric."""
    return {
        name: {
            "ceiling": shares.attrs["ceiling"],
            "pair": shares.attrs["ceiling_pair"],
            **{suffix: shares[suffix].values for suffix in shares.data_vars},
        }
        for name, shares in ceilings.items()
    }


def print_ceilings(ceilings: dict[str, xr.Dataset]) -> None:
    """Print each pair's share of the noise ceiling."""
    first = next(iter(ceilings.values()))
    names = model_names(first)
    headings = [f"{name} ({number(shares.attrs['ceiling'], 3)})" for name, shares in ceilings.items()]
    rows = [
        (
            names[i],
            names[j],
            *(
                estimate(float(shares["share"].values[i, j]), float(shares["share_se"].values[i, j]), 3)
                for shares in ceilings.values()
            ),
        )
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    click.echo(f"\nshare of the noise ceiling, the score of {'-'.join(first.attrs['ceiling_pair'])}, in brackets:")
    print_table(("model", "other", *headings), rows, right=headings, keys=2)
    click.echo("0 is the chance level of the pair, 1 the ceiling")


def _shared(each: PairDifference) -> str:
    """Return the name of the model that both pairs share; empty where they share none."""
    return next((name for name in each.first if name in each.second), "")


def _is_opposite(each: PairDifference) -> bool:
    """Return whether there are permutations, but p (unrelated) is not defined under them."""
    return bool(np.isfinite(each.chance) and not np.isfinite(each.p_unrelated) and _shared(each))


def _p(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "–"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
