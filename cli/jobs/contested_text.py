"""Print the agreement of models on each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import Sample, shorten

from ..comparison import number
from ..tables import DASH, print_table
from .contested import ContestedSamples
from .contested_row import sample_row

if TYPE_CHECKING:
    from hyle.engine.analysis import ErrorPrediction

WORDS = {
    "neighbours": "the share of common nearest neighbours",
    "pnka": "the cosine of their rows in the centred Gram matrices (PNKA)",
    "cka": "their terms of linear CKA",
}
# Characters of a SMILES string, formula or sequence in the table.
SHOWN = 40


def print_summary(result: ContestedSamples) -> None:
    """Print how far models agree on all samples, and whether there is anything to rank."""
    for line in summary_lines(result):
        click.echo(line)


def summary_lines(result: ContestedSamples) -> list[str]:
    """Return how far models agree on all samples, and whether there is anything to rank."""
    found, rows = result.found, f"{result.per or 'sample'}s"
    settings = f" (k = {result.k}, {result.neighbour_metric})" if result.k else ""
    siblings = len(result.models) > found.families
    lines = [
        f"Agreement on {len(result.ids):,} {rows}, by {WORDS[found.form]}{settings}: {len(result.models)} models of "
        f"{found.families} families" + (", pairs within a family excluded" if siblings else "")
    ]
    digits = digits_of(found.agreement)
    low, high = (number(float(end), digits) for end in np.quantile(found.agreement, [0.05, 0.95]))
    mean, chance = number(float(found.agreement.mean()), digits), number(found.chance, digits)
    lines.append(f"mean {mean}, 90 % of the {rows} from {low} to {high}; chance {chance}")
    if not result.per:
        agreed = int((found.agreed_q <= 0.05).sum())
        line = f"agreed: {agreed:,} {rows}, more than by chance (q <= 0.05)"
        if found.beyond_p is not None and found.beyond_q is not None:
            beyond, tested = int((found.beyond_q <= 0.05).sum()), int(np.isfinite(found.beyond_p).sum())
            kind = result.strata_kind or "stratum"
            line += f"; {beyond:,} of {tested:,} more than by chance among {rows} of one {kind}"
        lines.append(line)
    whole, halves = found.reliability.whole, found.reliability.halves
    if np.isnan(whole):
        lines.append(
            f"contested: no test and no reliability: {found.families} families have no two pairs without a model in "
            "common; at least 4 are needed. The order below is a description"
        )
        return lines
    contested = int((found.q <= 0.05).sum())
    lines.append(f"contested: {contested:,} {rows}, less than expected of {rows} like them (q <= 0.05)")
    words = (
        f"reliability of the order: {number(whole, 2)} (halves of the families: rank correlation {number(halves, 2)})"
    )
    if halves <= 2 / np.sqrt(result.units):
        words += f"; not above chance, so that the order of {rows} with q > 0.05 means nothing"
    elif not contested:
        words += f"; none of the {rows} stands out, but the order is more than chance"
    return [*lines, words]


def print_samples(result: ContestedSamples, samples: Mapping[str, Sample], count: int) -> None:
    """Print the most contested and the most agreed samples."""
    digits = digits_of(result.found.agreement)
    of_contested = {"expected": "expected", "deviation": "deviation", "p": "p", "q": "q", "leaves": "leaves the others"}
    parts = (
        ("Most contested", result.contested, of_contested),
        (
            "Most agreed",
            result.agreed,
            {} if result.per else {"agreed_p": "p above chance", "agreed_q": "q above chance"},
        ),
    )
    for title, order, columns in parts:
        click.echo(f"\n{title}")
        lines = []
        for row in order[:count]:
            known = sample_row(result, int(row), samples)
            words = [known["label"]] if result.labels else []
            words += [shorten(known["sample"], SHOWN)] if samples else []
            lines.append((known["id"], *words, *(_cell(known, name, digits) for name in ("agreement", *columns))))
        texts = [*([result.per] if result.labels else []), *(["sample"] if samples else [])]
        headings = ["id", *texts, "agreement", *columns.values()]
        right = [name for name in headings if name not in ("id", *texts, "leaves the others")]
        print_table(headings, lines, right=right, keys=1, drop=("p", "expected", "sample"))
    one = result.per or "sample"
    click.echo(f"\nexpected: on {one}s as near to others, as often a neighbour and as far from the mean, in all models")
    click.echo(f"deviation: mean normal score of the difference over pairs of families; low for contested {one}s")
    if result.found.families > 2:
        click.echo(f"leaves the others: the model without which the others agree more on this {one} than usual")


def _cell(known: Mapping[str, Any], name: str, digits: int) -> str:
    value = known[name]
    if value is None or value != value:
        return DASH
    if isinstance(value, str):
        return value
    if name in ("agreement", "expected"):
        return number(value, digits)
    return number(value, 2) if name == "deviation" else f"{value:.2g}"


def digits_of(agreement: np.ndarray) -> int:
    """Return as many digits as show two of the typical agreement, such as that of a sample's term of CKA."""
    scale = float(np.abs(agreement).mean())
    return max(2, 1 - int(np.floor(np.log10(scale)))) if scale > 0 else 2


def print_errors(predicted: ErrorPrediction, models: Sequence[str], *, per: str = "") -> None:
    """Print the rank correlations with the errors, with intervals, and the answer in a sentence.

    Args:
        predicted: whether disagreement predicts errors.
        models: names of the models with errors.
        per: ``atom``, ``residue`` or ``token`` for rows of these; empty for samples.
    """
    fixed = ", the number of atoms held fixed" if predicted.partial else ""
    click.echo(f"\nRank correlation with the absolute error{fixed}: 95 % intervals over samples")
    lines = []
    for each in predicted.predictions.values():
        cells = [_interval(*values) for values in zip(each.rho, each.low, each.high, strict=True)]
        lines.append((each.name, _interval(each.mean, each.mean_low, each.mean_high), *cells))
    headings = ["", "mean", *models]
    print_table(headings, lines, right=headings[1:], keys=1)
    click.echo(_answer(predicted, f"{per or 'sample'}s"))


def _interval(value: float, low: float, high: float) -> str:
    if value != value:
        return DASH
    shown = number(value, 2)
    return shown if low != low else f"{shown} ({number(low, 2)} to {number(high, 2)})"


def _answer(predicted: ErrorPrediction, rows: str) -> str:
    """Return whether disagreement predicts errors, with n, and whether it does better than the best other fact."""
    first = predicted.predictions["disagreement"]
    kind = "groups" if rows == "samples" else "samples"
    units = f", {predicted.units:,} {kind}" if predicted.units < predicted.n else ""
    evidence = (
        f"mean rank correlation {_interval(first.mean, first.mean_low, first.mean_high)}, n = {predicted.n:,} {rows}"
        f"{units}"
    )
    if predicted.verdict == "inconclusive":
        few = "" if first.mean_low == first.mean_low else ": too few independent samples for an interval"
        return f"Whether disagreement predicts errors is inconclusive ({evidence}){few}."
    if predicted.verdict == "no":
        return f"No, disagreement does not predict errors ({evidence})."
    answer = f"Yes, models have larger errors on {rows} that they disagree on ({evidence})"
    known = {name: each.mean for name, each in predicted.predictions.items() if name in predicted.gain}
    known = {name: value for name, value in known.items() if value == value}
    if not known:
        return f"{answer}."
    best = max(known, key=known.__getitem__)
    _, low, high = predicted.gain[best]
    than = "better than" if low > 0 else "worse than" if high < 0 else "not distinguishable from"
    return f"{answer}; {than} the best of the others, {best} ({number(known[best], 2)})."
