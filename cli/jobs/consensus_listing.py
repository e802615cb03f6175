"""The shared part of a panel and its probes on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from hyle.zoo import GROUP_KINDS, NODE_GROUP_KINDS

from ..comparison import number
from ..tables import print_paragraph, print_table
from .consensus import SharedPart

if TYPE_CHECKING:
    from hyle.engine.analysis import LabelProbe
    from hyle.engine.analysis import Share as ShareOfVariance

# Number of coordinates that are listed.
SHOWN = 12


def print_shared_part(part: SharedPart) -> None:
    """Print the number of shared coordinates with its test, and each model's share."""
    result = part.result
    families = len(set(result.families[result.families >= 0]))
    kinds = {**GROUP_KINDS, **NODE_GROUP_KINDS}
    groups = kinds[part.groups_kind][1] if part.groups_kind else "groups"
    samples = f"{len(part.ids)} {part.row_words}" + f" of {result.groups} {groups}" * (result.groups < len(part.ids))
    voting = int((result.families >= 0).sum())
    panel = f"{voting} models of {families} families" if voting > families else f"{families} models"
    if not result.rank:
        print_paragraph(
            f"{panel} share nothing on {samples}: the first eigenvalue is {number(float(result.eigenvalues[0]), 3)}, "
            f"and under permutation it is up to {number(float(result.threshold[0]), 3)} (95 %), p = {result.p[0]:.2g}."
        )
        return
    more = result.tested and len(result.p) == result.rank
    coordinates = f"{'at least ' * more}{result.rank} coordinate{'s' * (result.rank > 1)}"
    how = ", the most that are tested" if more else "" if result.tested else ", a number that was given and not tested"
    print_paragraph(f"{panel} share {coordinates} on {samples}{how} (ridge {result.ridge:.2g}).")
    click.echo()
    _print_coordinates(part, families)
    click.echo()
    rows = []
    for i, name in enumerate(result.models):
        vote = part.families[i] if result.families[i] >= 0 else "(no vote)"
        shared = float(result.explained[i])
        percent = (f"{100 * share:.0f} %".replace("-", "−") for share in (shared, 1 - shared))
        rows.append((name, vote, part.rows[name].shape[1], number(float(result.recovered[i].mean()), 2), *percent))
    headings = ("model", "family", "width", "R² of the shared part", "shared variance", "private variance")
    print_table(headings, rows, right=headings[2:], keys=1, drop=("family", "width"))
    click.echo("R² of the shared part: of what the other families make of it, from this model, on held-out samples")
    click.echo("shared variance: of this model, from what the other families share, on held-out samples")


def _print_coordinates(part: SharedPart, families: int) -> None:
    result = part.result
    rows = []
    count = max(result.rank, len(result.eigenvalues))
    shown = range(count) if count <= SHOWN else [*range(SHOWN - 3), *range(count - 2, count)]
    for i in shown:
        tested = i < len(result.eigenvalues)
        rows.append(
            (
                str(i + 1) if i < result.rank else f"({i + 1})",
                number(float(result.eigenvalues[i]), 3) if tested else None,
                number(float(result.threshold[i]), 3) if tested else None,
                f"{result.p[i]:.2g}" if tested else None,
                f"{result.carriers[i]} of {families}" if i < result.rank else None,
            )
        )
    headings = ("coordinate", "eigenvalue", "under permutation, 95 %", "p", "families that have it")
    print_table(headings, rows, right=headings, keys=1)
    if len(shown) < count:
        click.echo(f"{count - len(shown)} between them are not shown; --json has all")
    if len(result.eigenvalues) > result.rank:
        click.echo("( ) not significant: not part of what is shared")


def print_label_probes(part: SharedPart, probes: Mapping[str, LabelProbe]) -> None:
    """Print what each part predicts, and what follows."""
    from hyle.engine.analysis import ALL, BEST, PCA, REST, SHARED

    controls = [name for name, code in zip(part.result.models, part.result.families, strict=True) if code < 0]
    first = next(iter(probes.values()))
    units = "groups of samples" if first.groups < first.n and part.groups_kind != "sample" else "samples"
    rank = part.result.rank
    click.echo(f"\nR² of ridge probes on held-out {units}, five folds")
    headings = [
        *("label", "n", "shared part", "best model", "concatenation", f"PCA ({rank})", "best rest"),
        *(f"({name})" for name in controls),
        *("shared − best model", "shared − PCA", "verdict"),
    ]
    rows = []
    for name, one in probes.items():
        parts = [number(one.parts[each].value, 2) for each in (SHARED, BEST, ALL, PCA, REST)]
        known = [number(one.models[control].value, 2) for control in controls]
        rows.append((name, one.n, *parts, *known, _gain(one.gains[BEST]), _gain(one.gains[PCA]), one.verdict))
    print_table(headings, rows, right=headings[1:-1], keys=1)
    click.echo(
        "best model, best rest: chosen on the training samples; rest: a model without its shared part; ± 95 % interval"
    )
    click.echo()
    for line in conclusions(probes, rank):
        print_paragraph(line)


def _gain(gain: ShareOfVariance) -> str:
    return f"{number(gain.value, 2)} ± {number(gain.high - gain.value, 2)}"


def conclusions(probes: Mapping[str, LabelProbe], rank: int) -> list[str]:
    """Return the sentences that the probes of all labels support."""
    from hyle.engine.analysis import ALL, PCA, REST, SHARED

    count = len(probes)
    of = f"{count} label{'s' * (count != 1)}"
    verdicts = [one.verdict for one in probes.values()]
    better, worse = verdicts.count("shared part better"), verdicts.count("best model better")
    unclear, none = verdicts.count("no difference found"), verdicts.count("no part predicts it")
    lines = [
        f"Against the best single model, the shared part predicts {better} of {of} better and {worse} worse; for "
        f"{unclear} no difference was found" + (f", and no part predicts {none}." if none else ".")
    ]
    for part, words in ((ALL, "the concatenation"), (PCA, f"{rank} principal components of it")):
        up = sum(one.gains[part].low > 0 for one in probes.values())
        down = sum(one.gains[part].high < 0 for one in probes.values())
        lines.append(f"Against {words}: {up} better, {down} worse, {count - up - down} without a difference.")
    if worse > better:
        lines.append("To predict these labels, the shared part does not help: take a single model, or all of them.")
    elif not better:
        lines.append("To predict these labels, the shared part is not shown to help.")
    private = [name for name, one in probes.items() if one.parts[REST].low > 0]
    only = [name for name in private if probes[name].parts[SHARED].low <= 0]
    if private:
        alone = f"; of these, the shared part predicts nothing of {', '.join(only)}" if only else ""
        lines.append(f"Private rests predict something of {', '.join(private)}{alone}.")
    else:
        lines.append(
            "No private part predicts any of them: what is known of them linearly is in the shared directions."
        )
    return lines
