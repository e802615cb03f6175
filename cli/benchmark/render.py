"""Benchmark card in the terminal and as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..comparison import number
from ..console import print_paragraph, print_table

Card = Mapping[str, Any]


def print_card(card: Card) -> None:
    """Print a card: the measured sets, the numbers in and out of distribution, the relatives, the diagnosis."""
    print_paragraph(f"{card['model']} on {card['domain']}: {setting(card)}")
    click.echo()
    headings = ("", *(f"{one['dataset']} ({role})" for role, one in card["sets"].items()))
    table = rows(card)
    print_table(headings, [row[: len(headings)] for row in table], keys=1, text=headings)
    if card["generality"]:
        click.echo()
        print_table(("", "change, same models"), [(row[0], row[-1]) for row in table if row[-1]], keys=1)
    click.echo()
    for title, names in relatives(card).items():
        print_paragraph(f"{title}: {names}")
    for note in notes(card, versions=False):
        print_paragraph(note)
    click.echo()
    print_paragraph(f"diagnosis: {card['diagnosis']['words']}")
    if shares := card["diagnosis"]["probability"]:
        print_paragraph("probabilities: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))


def setting(card: Card) -> str:
    """Return a sentence on the measured sets and their shift, and whether the model was trained on them."""
    inside, outside = card["sets"]["in"], card["sets"].get("out")
    samples = f"{inside['n']} samples of {inside['dataset']}"
    if card["trained_on_it"]:
        samples += ", which it was trained on"
    if outside is None:
        return f"{samples}; nothing out of distribution: {card['ood_missing_reason']}"
    shift = card["generality"]["shift"]
    samples += f"; out of distribution {outside['n']} of {outside['dataset']}"
    distance = (
        f"{number(shift['ratio'], 1)} times as far from these, in the space of the model, as these from each other"
    )
    return f"{samples}, {distance} (AUC {number(shift['auc'], 2)})"


def notes(card: Card, *, versions: bool = True) -> list[str]:
    """Return sentences on copies, on the panel and on how often such a diagnosis is right.

    Args:
        card: as returned by `hyle.cli.benchmark.benchmark`.
        versions: whether to name the versions of the libraries that embedded the panel.
    """
    sentences = []
    for role, one in card["sets"].items():
        if one["copies"]:
            copies = ", ".join(
                f"{copy['model']} ({number(copy['share'], 2)}, bar {number(copy['bar'], 2)})" for copy in one["copies"]
            )
            sentences.append(
                f"{role}: its rows contain those of {copies}, as a copy or a retraining does; the families are "
                "excluded from its means"
            )
        if one["made_of"]:
            sentences.append(f"{role}: {one['unranked_reason']}; no alignment is reported")
    for role, one in card["sets"].items():
        panel = one["panel"]
        libraries = ", ".join(f"{name} {version}" for name, version in panel["versions"].items())
        sentences.append(
            f"panel ({role}): {panel['n_models']} models of {panel['n_families']} families other than its own, of "
            f"{panel['date'] or 'unknown date'}, hyle {panel['hyle_version']}"
            + (f", with {libraries}" if versions and libraries else "")
        )
    if calibration := card["diagnosis"]["calibration"]:
        if calibration["observed"] == calibration["observed"]:
            sentences.append(
                f"calibration: in {calibration['panels']} simulated panels like this one, "
                f"{calibration['reported']:.0%} of the models had a quadrant of at least 80 %, and "
                f"{calibration['observed']:.0%} of these were right (± {calibration['se']:.0%}; stated "
                f"{calibration['stated']:.0%} on average)"
            )
        else:
            sentences.append(
                f"calibration: in {calibration['panels']} simulated panels like this one, no quadrant had 80 %"
            )
    return sentences


def rows(card: Card) -> list[tuple[str, ...]]:
    """Return the rows of the table: name of the number, its value in and out of distribution, and the change."""
    sets, general = list(card["sets"].values()), card["generality"]
    first = sets[0]
    table = [("performance", *(_performance(one) for one in sets))]
    scores = [one["performance"] for one in sets]
    if any(score and score["rank"] for score in scores):
        table.append(("rank", *(_rank(score) for score in scores)))
    if any(score and score["control"] for score in scores):
        table.append(("best control, performance", *(_control(score, 3) for score in scores)))
    if any(one["energy"] for one in sets):
        table.append(("energies, not ranked", *(_energy(one) for one in sets)))
    metrics = list(first["alignment"])
    if any(one["alignment"][metrics[0]]["best"] for one in sets):
        table.append(("alignment to the best", *(_best(one, metrics[0]) for one in sets)))
    for metric in metrics:
        title = f"to the panel, {metric}"
        table.append((title, *(_interval(one["alignment"][metric]["panel"], p=True) for one in sets)))
    table.append((f"best control, {metrics[0]}", *(_control(one["alignment"][metrics[0]]["panel"]) for one in sets)))
    table += [
        (f"dimension, {name}", *(_interval(one["dimension"][name], 1) for one in sets)) for name in first["dimension"]
    ]
    if not general:
        return table
    changes = {"performance": general["performance"]} | {
        f"to the panel, {m}": one for m, one in general["alignment"].items()
    }
    return [(*row, _interval(changes[row[0]]["change"]) if changes.get(row[0]) else "") for row in table]


def relatives(card: Card) -> dict[str, str]:
    """Return the nearest models, those of the same family and the controls, each as one line."""
    inside = card["sets"]["in"]
    titles = {"relatives": "nearest", "own_family": "own family, excluded from the means", "controls": "controls"}
    return {
        title: ", ".join(f"{one['model']} {_interval(one)}" for one in inside[key])
        for key, title in titles.items()
        if inside[key]
    }


def _performance(one: Card) -> str:
    score = one["performance"]
    if not score:
        return "unknown"
    what = "MAE" if score["kind"] == "energy" else f"R² of {score['label']}"
    return f"{what} {number(score['value'], 3)} ± {number(score['se'], 3)} {score['units']}".rstrip()


def _rank(score: Card | None) -> str:
    return f"{score['rank']} of {score['of']}" if score and score["rank"] else "–"


def _energy(one: Card) -> str:
    energy = one["energy"]
    if not energy:
        return "–"
    return f"MAE {number(energy['value'], 3)} ± {number(energy['se'], 3)} {energy['units']}, {energy['level']}"


def _control(one: Card | None, digits: int = 2) -> str:
    return f"{number(one['control_value'], digits)}, {one['control']}" if one and one["control"] else "–"


def _best(one: Card, metric: str) -> str:
    alignment = one["alignment"][metric]["best"]
    return f"{_interval(alignment)}, {one['best']}" if alignment else "–"


def _interval(one: Card, digits: int = 2, *, p: bool = False) -> str:
    if one["value"] != one["value"]:
        return "–"
    shown = number(one["value"], digits)
    if one["low"] == one["low"]:
        shown += f" ({number(one['low'], digits)} to {number(one['high'], digits)})"
    return shown + (" ≈" if p and not one["p"] <= 0.05 else "")


def render_card(card: Card) -> str:
    """Return the card as one self-contained HTML page."""
    import jinja2

    from ..figures import DARK, benchmark_scatter
    from ..report import vega

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chart = benchmark_scatter(card)
    return environment.get_template("benchmark.html.j2").render(
        card=card,
        setting=setting(card),
        rows=rows(card),
        relatives=relatives(card),
        notes=notes(card),
        specs={} if chart is None else {"benchmark": chart.to_dict()},
        dark=DARK,
        vega=vega() if chart is not None else "",
        number=number,
        interval=_interval,
    )
