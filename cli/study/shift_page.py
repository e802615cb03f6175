"""The parts of the page on changed crystals, and on what makes samples unusual."""

from __future__ import annotations

from collections.abc import Sequence

from ..analyses import is_number
from ..comparison import number
from ..results import PerturbedResult
from .attributes import AttributeResult
from .plan import PERTURBED_N

KINDS = {
    "rattle": "atoms displaced by {} Å along each axis",
    "volume": "{} times the volume",
    "swap": "{} of the atoms exchanged with another element, at least one pair",
    "cleave": "a gap of {} Å between planes",
}


def perturbed_section(results: Sequence[PerturbedResult], dataset: str) -> list[str]:
    """Return the section on the same crystals before and after a change, as lines of Markdown; empty without any."""
    if not results:
        return []
    most = max(results, key=lambda one: one.samples)
    names = list(most.controls)
    lines = [
        "",
        "## The same crystals, changed by a known amount",
        "",
        f"The parents are {most.samples} of the first {PERTURBED_N} crystals of {dataset}, those that all models can "
        "read: frames of relaxations, most of them near a minimum. Atoms and composition stay the same, so that a "
        "change of agreement is an effect of the structure alone "
        "([`hyle.zoo.perturb`](../data.md#changed-structures)). Displacements stand for temperature, smaller volumes "
        "for pressure, exchanged atoms for disorder, and a gap for a surface; nothing is relaxed afterwards, and "
        "displacements of 0.4 Å bring atoms unphysically close. No more atoms are exchanged than there are partners. "
        "The intervals are conservative: that 0 is in one does not show that there is no effect. Kinds and amounts are "
        "in `cli/study/plan.py`, and were chosen before the results were known; no verdict rests on them. "
        "Error rates of the intervals of this section and the next: `python -m bench.shift_null`, "
        "[`bench/results/shift_null.md`](../../bench/results/shift_null.md). "
        f"CKNNA beyond chance on {most.n} crystals at a time, no two of one composition, {most.models} models of "
        f"{most.families} families; the intervals of the changes are over families and crystals. *Farther* is the "
        "probability that a changed crystal is farther from the other parents than these are from each other (median "
        "over models; 0.5 for no shift), and *kept* the CKNNA beyond chance of a model with itself, parents with "
        "changed crystals.",
        "",
        "| change | farther | kept | agreement before | change of agreement (95 %) | "
        + " | ".join(f"{name} with models" for name in names)
        + " |",
        "| --- | --: | --: | --: | --: |" + " --: |" * len(names),
    ]
    for one in results:
        change = interval(one.change, one.low, one.high, one.families)
        numbers = (number(one.auc, 2), number(one.kept, 2), number(one.before, 3), change)
        controls = (f"{number(a, 2)} to {number(b, 2)}" for a, b in one.controls.values())
        amount = f"{100 * one.amount:g} %" if one.kind == "swap" else f"{one.amount:g}"
        lines.append(f"| {KINDS[one.kind].format(amount)} | {' | '.join((*numbers, *controls))} |")
    alt = "Agreement on the same crystals against the amount by which they were changed"
    return [*lines, "", f"![{alt}](perturbed.svg)"]


def attribute_section(results: Sequence[AttributeResult]) -> list[str]:
    """Return the section on agreement against one property at a time, as lines of Markdown; empty without any."""
    if not results:
        return []
    lines = [
        "",
        "## What makes samples unusual, one property at a time",
        "",
        "CKNNA beyond chance in bins of samples from the least to the most unusual, and the mean change from one bin "
        "to the next with its interval over families and samples. Samples of a bin are more alike than random ones, "
        "which alone changes scores: the controls show by how much. Elements and prototypes are rare or new with "
        "respect to 1,000 frames of MPtrj, scaffolds with respect to 1,500 molecules of QM9 (one minus Tanimoto "
        "similarity); folds are "
        "compared by TM-align (one minus TM-score). Charged molecules are in none of the sets, because models that do "
        "not read a charge skip them. No verdict rests on these.",
        "",
        "| set | property | bins | agreement in the bins | change per bin (95 %) | controls with models |",
        "| --- | --- | --- | --- | --: | --- |",
    ]
    for one in results:
        ends = (f"{low:.3g} to {high:.3g}" if low < high else f"{low:.3g}" for low, high in one.ends)
        slope = interval(one.slope.value, one.slope.low, one.slope.high, one.slope.units)
        controls = "; ".join(f"{name} {_row(values)}" for name, values in one.controls.items()) or "–"
        cells = (
            f"{one.dataset}, {one.samples} samples ({one.n} at a time), {one.models} models",
            f"{one.name}: {one.words}",
            "; ".join(ends),
            *(_row(one.values), slope, controls),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _row(values: Sequence[float]) -> str:
    return ", ".join(number(value, 2) for value in values)


def interval(value: float, low: float, high: float, families: int) -> str:
    """Return "−0.05 (−0.10 to 0.00)"."""
    ends = f"{number(low, 3)} to {number(high, 3)}" if is_number(low) else f"{families} families: too few"
    return f"{number(value, 3)} ({ends})"
