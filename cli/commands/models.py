"""List the models, and what they need."""

from __future__ import annotations

import fnmatch
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click
from packaging.requirements import Requirement

from hyle.zoo import ModelCard, StudyRow, find_card, list_models, list_study, state_of, weights_origin

from ..console import count, print_table
from ..options import json_option, print_json

READS = {"string": "SMILES", "graph": "2D graph", "atoms": "3D atoms", "text": "SMILES, as text"}
MEANINGS = {
    "runs": "in this Python; where its weights lie in a package that is not here, it is downloaded when first used",
    "needs-environment": "hyle embed builds one with what this Python lacks, and fetches weights that lie elsewhere",
    "needs-weights": "hyle embed fetches them from a hub or the web",
    "no-loader": "listed, but nothing can load it",
}
# What a row of the study can come to, from best to worst.
STATES = (
    "runs",
    "needs an environment of its own",
    "needs weights",
    "needs weights and an environment of its own",
    "no way",
)


def model_facts(card: ModelCard) -> dict[str, Any]:
    """Return the facts of a card as plain data."""
    weights = card.weights
    return {
        "name": card.name,
        "family": card.family,
        "modality": card.modality,
        "state": state_of(card),
        "verified": card.verified,
        "missing": card.missing(),
        "reason": card.reason,
        "view": card.view,
        "architecture": card.architecture,
        "parameters": card.parameters,
        "dim": card.dim,
        "layers": list(card.layers),
        "pooling": card.pooling,
        "energy": card.energy,
        "training_data": card.training_data,
        "licence": card.licence,
        "citation": card.citation,
        "notes": card.notes,
        "weights": None if weights is None else weights_origin(weights),
        "download_bytes": weights.archive_bytes if weights else 0,
        "requirements": [*card.requirements, *card.no_deps],
    }


def install_script(cards: Sequence[ModelCard]) -> str:
    """Return the shell lines that install what these models need into this Python."""
    with_deps = sorted({need for card in cards for need in card.requirements})
    without = sorted({need for card in cards for need in card.no_deps})
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    lines = [f"{pip} {shlex.join(['hyle[zoo]', *with_deps])}"]
    lines += [f"{pip} --no-deps {shlex.join(without)}"] if without else []
    return "\n".join(lines)


def markdown(cards: Sequence[ModelCard]) -> str:
    """Return the table of the documentation, which says nothing that depends on this machine."""
    head = ("model", "family", "reads", "parameters", "width", "energy", "trained on", "licence", "weights", "tried")
    lines = [head, tuple("---" for _ in head)]
    for card in cards:
        weights = card.weights
        place = "none" if weights is None else f"package: {weights_origin(weights)}"
        if weights is not None and weights.remote:
            commit = f"commit {weights.revision[:8]}" if weights.revision else "commit not pinned"
            place = f"hub: {weights.hub}, {commit}" if weights.hub else f"web: {weights.url}"
        if card.reason:
            place = "nothing can load them"
        lines.append(
            (
                f"`{card.name}`",
                card.family,
                "3D atoms, as text" if card.modality == "text" and card.view == "atoms" else _reads(card),
                count(card.parameters) if card.parameters or card.modality == "control" else "",
                str(card.dim or ""),
                card.energy,
                card.training_data,
                card.licence,
                place,
                "yes" if card.verified else "no",
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _reads(card: ModelCard) -> str:
    return READS.get(card.modality, card.modality)


def meanings(states: Sequence[str]) -> str:
    """Return what the states of models mean, a line each, with how many are in it."""
    lines = [(state, states.count(state), meaning) for state, meaning in MEANINGS.items() if state in states]
    return "\n".join(f"{state} ({number}): {meaning}" for state, number, meaning in lines)


def study_state(row: StudyRow) -> str:
    """Return what a row of the study comes to after `hyle models --requirements | sh`, on any machine."""
    near = {name for card in list_models() if card.default for name in _packages(card)}
    able = [card for card, _ in row.cards if not card.reason]
    found = [(bool(card.weights and card.weights.remote), bool(_packages(card) - near)) for card in able]
    names = {(False, False): 0, (False, True): 1, (True, False): 2, (True, True): 3}
    return STATES[min((names[one] for one in found), default=-1)]


def _packages(card: ModelCard) -> set[str]:
    return {Requirement(need).name for need in (*card.requirements, *card.no_deps)}


def study_markdown(rows: Sequence[StudyRow]) -> str:
    """Return the table of the study's models, which says nothing that depends on this machine."""
    head = ("row of the study", "state", "cards", "parameters", "printed in the study", "remarks")
    lines = [head, tuple("---" for _ in head)]
    for row in rows:
        cards = [
            f"`{card.name}{f'@{layer}' if layer and layer != card.layers[0] else ''}`" for card, layer in row.cards
        ]
        counted = sorted({card.parameters for card, _ in row.cards if card.parameters})
        lines.append(
            (
                row.name,
                study_state(row),
                ", ".join(cards),
                ", ".join(f"{number:,}" for number in counted),
                "" if row.parameters is None else f"{row.parameters:,}",
                "; ".join(text for text in (row.remark, row.reason) if text),
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--requirements", is_flag=True, help="Print the shell lines that install what `hyle run` needs.")
@click.option("--study", is_flag=True, help="The models of the study that set the question, row by row.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table of the documentation.")
@json_option
def command(patterns: tuple[str, ...], requirements: bool, study: bool, as_markdown: bool, as_json: bool) -> None:
    """List the models of the zoo, or those that match a name or pattern.

    \b
    hyle models                       all of them
    hyle models 'rxn*' --json         some, for a program
    hyle models --requirements chgnet-0.3.0 | sh
    hyle models --study               the 59 rows of arXiv 2512.03750
    """
    if study:
        if patterns or requirements:
            raise click.UsageError("--study takes no names and no --requirements")
        _print_study(as_markdown, as_json)
        return
    cards = list_models()
    if requirements and not patterns:
        cards = [card for card in cards if card.default]  # others get an environment of their own
    if patterns:
        chosen = [card for card in cards if any(fnmatch.fnmatch(card.name, pattern) for pattern in patterns)]
        for pattern in patterns:
            if not any(fnmatch.fnmatch(card.name, pattern) for card in cards):
                find_card(pattern)
        cards = chosen
    if requirements:
        click.echo(install_script(cards))
    elif as_markdown:
        click.echo(markdown(cards))
    elif as_json:
        print_json([model_facts(card) for card in cards])
    else:
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
        print_table(headings, rows, right=("parameters", "width"))
        click.echo(meanings(states))
        lacking = [card for card, state in zip(cards, states, strict=True) if state == "needs-environment"]
        if lacking:
            click.echo(f"To run {lacking[0].name} here: {lacking[0].install_command()}")
        distant = [card for card, state in zip(cards, states, strict=True) if state == "needs-weights"]
        if distant:
            click.echo(f"To fetch the weights of {distant[0].name}: {distant[0].fetch_command()}")
        for card in cards:
            if card.reason:
                click.echo(f"{card.name} cannot be run: {card.reason}")


def _print_study(as_markdown: bool, as_json: bool) -> None:
    rows = list_study()
    if as_markdown:
        click.echo(study_markdown(rows))
    elif as_json:
        print_json(
            [
                {
                    "name": row.name,
                    "state": study_state(row),
                    "cards": [
                        {"name": card.name, "layer": layer or card.layers[0], "here": state_of(card)}
                        for card, layer in row.cards
                    ],
                    "parameters_printed": row.parameters,
                    "remark": row.remark,
                    "reason": row.reason,
                }
                for row in rows
            ]
        )
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
        print_table(("row of the study", "cards", "state", "remarks"), table)
