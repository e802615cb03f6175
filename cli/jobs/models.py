"""Facts of models: their cards, what they need, and the tables of the documentation."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

from packaging.requirements import Requirement

from hyle.zoo import (
    ModelCard,
    StudyRow,
    find_card,
    install_command,
    installed_version,
    list_models,
    state_of,
    weights_origin,
)

from ..console import count

READS = {"string": "SMILES", "graph": "2D graph", "atoms": "3D atoms", "text": "SMILES, as text"}
MEANINGS = {
    "runs": "in this Python; weights in a package that is not installed are downloaded on first use",
    "needs-environment": "hyle embed builds an environment with the missing packages, and downloads the weights",
    "needs-weights": "hyle embed downloads them from a hub or the web",
    "no-loader": "listed, but it cannot be loaded",
}
# The possible states of a row of the study, from best to worst.
STATES = (
    "runs",
    "needs a separate environment",
    "needs weights",
    "needs weights and a separate environment",
    "no way",
)


def select_models(patterns: Sequence[str]) -> list[ModelCard]:
    """Return the cards of the models whose names match one of the patterns, or all cards without patterns.

    Raises:
        InputError: a pattern that matches no model; names the closest.
    """
    cards = list_models()
    for pattern in patterns:
        if not any(fnmatch(card.name, pattern) for card in cards):
            find_card(pattern)
    return [card for card in cards if not patterns or any(fnmatch(card.name, pattern) for pattern in patterns)]


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
        "blind_to": None if card.blind_to is None else list(card.blind_to),
        "depends_on": None if card.depends_on is None else list(card.depends_on),
        "training_data": card.training_data,
        "licence": card.licence,
        "citation": card.citation,
        "notes": card.notes,
        "weights": None if weights is None else weights_origin(weights),
        "download_bytes": weights.archive_bytes if weights else 0,
        "requirements": [*card.requirements, *card.no_deps],
    }


def sensitivity(card: ModelCard) -> str:
    """Return one sentence on what a model does not distinguish, and on what its rows depend besides the sample."""
    if card.blind_to is None:
        return "what it does not distinguish was not measured"
    if not card.blind_to and not card.depends_on:
        return "distinguishes all that was measured"
    blind = f"does not distinguish {_enumerate(card.blind_to)}" if card.blind_to else ""
    # The first of them includes the second.
    written = f"its rows depend on the {card.depends_on[0]} in the SMILES" if card.depends_on else ""
    return "; ".join(part for part in (blind, written) if part)


def _enumerate(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def install_script(cards: Sequence[ModelCard]) -> str:
    """Return the shell commands that install what these models need into this Python."""
    with_deps = sorted({need for card in cards for need in card.requirements})
    without = sorted({need for card in cards for need in card.no_deps})
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    lines = [f"{pip} {shlex.join(['hyle[zoo]', *with_deps])}"]
    if any(card.torch for card in cards) and installed_version("torch") is None:
        # First, because the extra would select a build with gigabytes of CUDA libraries where there is no GPU.
        lines.insert(0, f"{pip} {install_command('torch').removeprefix('pip install ')}")
    lines += [f"{pip} --no-deps {shlex.join(without)}"] if without else []
    return "\n".join(lines)


def markdown(cards: Sequence[ModelCard]) -> str:
    """Return the table of models of the documentation, which does not depend on this machine."""
    head = ("model", "family", "reads", "parameters", "width", "energy", "trained on", "licence", "weights", "tried")
    lines = [head, tuple("---" for _ in head)]
    for card in cards:
        weights = card.weights
        place = "none" if weights is None else f"package: {weights_origin(weights)}"
        if weights is not None and weights.remote:
            commit = f"commit {weights.revision[:8]}" if weights.revision else "commit not pinned"
            place = f"hub: {weights.hub}, {commit}" if weights.hub else f"web: {weights.url}"
        if card.reason:
            place = "cannot be loaded"
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
    """Return the meaning of the states of models, one line each, with the number of models in each."""
    lines = [(state, states.count(state), meaning) for state, meaning in MEANINGS.items() if state in states]
    return "\n".join(f"{state} ({number}): {meaning}" for state, number, meaning in lines)


def study_state(row: StudyRow) -> str:
    """Return the state of a row of the study after `hyle models --requirements | sh`, on any machine."""
    panel_packages = {name for card in list_models() if card.default for name in _packages(card)}
    loadable = [card for card, _ in row.cards if not card.reason]
    needs = [(bool(c.weights and c.weights.remote), bool(_packages(c) - panel_packages)) for c in loadable]
    order = {(False, False): 0, (False, True): 1, (True, False): 2, (True, True): 3}
    return STATES[min((order[need] for need in needs), default=-1)]


def _packages(card: ModelCard) -> set[str]:
    return {Requirement(need).name for need in (*card.requirements, *card.no_deps)}


def study_facts(row: StudyRow) -> dict[str, Any]:
    """Return the facts of a row of the study as plain data; ``here`` is the state of a card on this machine."""
    return {
        "name": row.name,
        "state": study_state(row),
        "cards": [
            {"name": card.name, "layer": layer or card.layers[0], "here": state_of(card)} for card, layer in row.cards
        ],
        "parameters_printed": row.parameters,
        "remark": row.remark,
        "reason": row.reason,
    }


def study_markdown(rows: Sequence[StudyRow]) -> str:
    """Return the table of the study's models of the documentation, which does not depend on this machine."""
    head = ("row of the study", "state", "cards", "parameters", "printed in the study", "remarks")
    lines = [head, tuple("---" for _ in head)]
    for row in rows:
        cards = [
            f"`{card.name}{f'@{layer}' if layer and layer != card.layers[0] else ''}`" for card, layer in row.cards
        ]
        parameters = sorted({card.parameters for card, _ in row.cards if card.parameters})
        lines.append(
            (
                row.name,
                study_state(row),
                ", ".join(cards),
                ", ".join(f"{number:,}" for number in parameters),
                "" if row.parameters is None else f"{row.parameters:,}",
                "; ".join(text for text in (row.remark, row.reason) if text),
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
