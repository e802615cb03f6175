"""`hyle models`: list the models and what they need."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hyle.zoo import ModelCard, list_study, state_of

from ..console import count, print_table
from ..jobs import (
    install_script,
    markdown,
    meanings,
    model_facts,
    select_models,
    sensitivity,
    study_facts,
    study_markdown,
)
from ..options import json_option, print_json


@click.command(short_help="List the models and which of them run here.")
@click.argument("patterns", nargs=-1)
@click.option(
    "--requirements",
    is_flag=True,
    help="Print shell commands that install what the models need. [default: for the models of `hyle run`]",
)
@click.option("--study", is_flag=True, help="List the 59 models of the study arXiv:2512.03750 instead.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table of the documentation.")
@json_option
def command(patterns: tuple[str, ...], requirements: bool, study: bool, as_markdown: bool, as_json: bool) -> None:
    """List the models that hyle can run, or those that match PATTERNS (names, with * as a wildcard).

    The state of a model says whether it runs here or what it needs first; the lines below the table explain the
    states.

    \b
    Examples:
      hyle models                                   all models
      hyle models 'rxn*' --json                     some, as JSON
      hyle models --requirements chgnet-0.3.0 | sh  installs what one needs
      hyle models --study                           the models of the study
    """
    if study:
        if patterns or requirements:
            raise click.UsageError("--study takes no names and no --requirements")
        _print_study(as_markdown, as_json)
        return
    cards = select_models(patterns)
    if requirements:
        # Without names, only the default panel: the others get a separate environment.
        click.echo(install_script(cards if patterns else [card for card in cards if card.default]))
    elif as_markdown:
        click.echo(markdown(cards))
    elif as_json:
        print_json([model_facts(card) for card in cards])
    else:
        _print_models(cards)
        for card in cards if patterns else ():
            click.echo(f"{card.name}: {sensitivity(card)}")


def _print_models(cards: Sequence[ModelCard]) -> None:
    states = [state_of(card) for card in cards]
    rows = [
        (
            c.name,
            c.modality,
            state,
            count(c.parameters) if c.parameters or c.modality == "control" else "-",
            c.dim or "-",
            c.energy or "-",
            c.licence,
            c.training_data,
        )
        for c, state in zip(cards, states, strict=True)
    ]
    headings = ("model", "modality", "state", "parameters", "width", "energy", "licence", "training data")
    print_table(
        headings,
        rows,
        right=("parameters", "width"),
        text=("energy", "licence", "training data"),
        drop=("training data", "licence", "energy", "width", "parameters", "modality"),
    )
    click.echo(f"\n{meanings(states)}")
    without_packages = [card for card, state in zip(cards, states, strict=True) if state == "needs-environment"]
    if without_packages:
        click.echo(f"To run {without_packages[0].name} here: {without_packages[0].install_command()}")
    without_weights = [card for card, state in zip(cards, states, strict=True) if state == "needs-weights"]
    if without_weights:
        click.echo(f"To download the weights of {without_weights[0].name}: {without_weights[0].fetch_command()}")
    for card in cards:
        if card.reason:
            click.echo(f"{card.name} cannot be run: {card.reason}")


def _print_study(as_markdown: bool, as_json: bool) -> None:
    rows = list_study()
    if as_markdown:
        click.echo(study_markdown(rows))
    elif as_json:
        print_json([study_facts(row) for row in rows])
    else:
        table = [
            (
                row.name,
                ", ".join(f"{card.name}@{layer}" if layer else card.name for card, layer in row.cards) or "-",
                state_of(row.cards[0][0]),
                row.reason or row.remark,
            )
            for row in rows
        ]
        headings = ("row of the study", "cards", "state", "remarks")
        print_table(headings, table, text=("cards", "remarks"), drop=("remarks", "cards"))
