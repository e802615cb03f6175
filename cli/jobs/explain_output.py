"""Explanations in sentences, as a table, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import number
from ..console import print_paragraph, print_table
from .explain import Explanation

if TYPE_CHECKING:
    from hyle.engine.analysis import Enrichment, Enrichments, EnrichmentStep

# Rows of the printed table.
SHOWN = 12
# Probability with which an effect would be found, for sentences that report none.
POWER = 0.8


def explanation_sentences(explanation: Explanation) -> list[str]:
    """Return what samples with low or high scores have in common, a sentence for each fact that adds to the others."""
    found = explanation.found
    if not found.steps:
        return [_nothing(explanation)]
    return [_sentence(explanation, step) for step in found.steps]


def _sentence(explanation: Explanation, step: EnrichmentStep) -> str:
    descriptor, effect = explanation.descriptors[step.name], explanation.found[step.name]
    high, low = explanation.words
    verb = high if step.partial > 0 else low
    noun = explanation.descriptors.noun
    whole = f"{verb} on {noun} {descriptor.more}"
    sizes = f"{effect.n_with:,} with, {effect.n_without:,} without" if effect.binary else f"{effect.n_with:,} {noun}"
    if not step.given:
        kind = "rank-biserial correlation" if effect.binary else "rank correlation"
        numbers = f"{kind} {number(effect.effect, 2)}, {_interval(effect.low, effect.high)}, {_q(step.q)}"
        return f"{whole[0].upper()}{whole[1:]} ({numbers}; {sizes})."
    numbers = f"partial rank correlation {number(step.partial, 2)}, {_interval(step.low, step.high)}"
    known = "that" if len(step.given) == 1 else "these"
    return f"Beyond {known}, {whole} ({numbers}, {_q(step.q)}; {sizes})."


def _nothing(explanation: Explanation) -> str:
    found, noun = explanation.found, explanation.descriptors.noun
    if not found.tested:
        return f"No descriptor of these {noun} can be tested: each is the same for almost all of the {found.groups:,}."
    least = detectable(found)
    reach = f"; a rank correlation of {number(least, 2)} would be found with a probability of {100 * POWER:.0f} %"
    count = f"None of {len(found.tested)} descriptors" if len(found.tested) > 1 else "The one tested descriptor"
    tells = "tells" if len(found.tested) > 1 else "does not tell"
    where = f"{count} of these {noun} {tells} where {explanation.words[1]}"
    return f"{where} (no q ≤ {found.alpha:g}{reach if least < 1 else ''})."


def detectable(found: Enrichments) -> float:
    """Return the rank correlation that would be significant with a probability of 80 % as the only one, at most 1.

    By the normal approximation, with the level divided by the number of tested descriptors, and groups as the units.
    """
    from scipy.special import ndtri

    reach = float(ndtri(1 - found.alpha / 2 / max(len(found.tested), 1)) + ndtri(POWER))
    return min(reach / max(found.groups - 1, 1) ** 0.5, 1.0)


def print_explanation(explanation: Explanation) -> None:
    """Print the sentences and a table of the strongest descriptors."""
    found, descriptors = explanation.found, explanation.descriptors
    for line in explanation_sentences(explanation):
        print_paragraph(line)
    best = found.tested[:SHOWN]
    if not best:
        return
    click.echo()
    headings = ["descriptor", "effect", "95 %", "q", "with", "without", "median with", "median without"]
    rows = [_row(explanation, each) for each in best]
    if not any(each.binary for each in best):
        place = headings.index("without")
        headings, *rows = ([*line[:place], *line[place + 1 :]] for line in (headings, *rows))
    print_table(headings, rows, right=headings[1:], keys=1)
    units = f"{found.n:,} {descriptors.noun} of {found.groups:,} {explanation.unit}" if explanation.unit else ""
    units = units or f"{found.n:,} {descriptors.noun}"
    exchanged = f" of whole {explanation.unit}" if explanation.unit else ""
    print_paragraph(
        f"{len(best)} of {len(found.tested)} tested descriptors of {units}. Effect: rank-biserial correlation where a "
        "number of samples without it is given, else Spearman's correlation, with the medians of the third with the "
        "highest and of the third with the lowest values; of those with other values and with the most "
        f"frequent one where more than a third have it. q: false discovery rate, by {found.permutations:,} "
        f"permutations{exchanged}. Associations are no causes."
    )
    if descriptors.left_out:
        id_, reason = next(iter(descriptors.left_out.items()))
        more = f", and {len(descriptors.left_out) - 1} more" if len(descriptors.left_out) > 1 else ""
        click.echo(f"not described: {id_} ({reason}){more}")


def _row(explanation: Explanation, each: Enrichment) -> list[str]:
    descriptor = explanation.descriptors[each.name]
    return [
        f"{each.name} / {descriptor.unit}" if descriptor.unit else each.name,
        number(each.effect, 2),
        f"{number(each.low, 2)} to {number(each.high, 2)}" if np.isfinite(each.low) else "–",
        _q(each.q).removeprefix("q ").removeprefix("= "),
        f"{each.n_with:,}",
        f"{each.n_without:,}" if each.binary else "–",
        f"{each.median_with:.3g}".replace("-", "−"),
        f"{each.median_without:.3g}".replace("-", "−"),
    ]


def _interval(low: float, high: float) -> str:
    return f"95 % {number(low, 2)} to {number(high, 2)}" if np.isfinite(low) else "no interval"


def _q(q: float) -> str:
    """Return "q = 0.003", or "q < 0.001"."""
    return f"q = {q:.2g}" if q >= 0.001 else "q < 0.001"


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain data: the sentences, the steps, and every tested and untested descriptor."""
    found = explanation.found
    more = {each.name: each for each in explanation.descriptors.descriptors}
    return {
        "sentences": explanation_sentences(explanation),
        "n": found.n,
        "groups": found.groups,
        "unit": explanation.unit or explanation.descriptors.noun,
        "alpha": found.alpha,
        "permutations": found.permutations,
        "detectable": detectable(found) if found.tested else None,
        "steps": [asdict(step) for step in found.steps],
        "descriptors": [
            {**asdict(each), "unit": more[each.name].unit, "method": more[each.name].method} for each in found.tested
        ],
        "untested": dict(found.untested),
        "left_out": dict(explanation.descriptors.left_out),
    }
