"""`hyle fetch`: download the weights of models."""

from __future__ import annotations

import click

from hyle.zoo import find_card, pin_hashes

from ..console import say
from ..jobs import fetch_weights
from ..options import json_option, print_json


@click.command(short_help="Download weights ahead of time.")
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--sha256",
    "hashes",
    multiple=True,
    metavar="FILE=HEX",
    help="Expected SHA-256 of a file whose hash is not in the model's card; repeat it for each file.",
)
@json_option
def command(models: tuple[str, ...], hashes: tuple[str, ...], as_json: bool) -> None:
    """Download the weights of MODELS from a model hub or the web, and check their SHA-256.

    `hyle embed` downloads the weights that it needs, so this command is needed only to do it ahead of time, or to give
    a hash.

    Weights in Python's pickle format can run any code when they are read. They are downloaded and read only if their
    SHA-256 is known: from the model's card, or from --sha256.

    \b
    Examples:
      hyle fetch mace-mp-small
      hyle fetch MODEL --sha256 weights=HEX
    """
    cards = [find_card(name, notify=say) for name in models]
    if hashes:
        pairs = [text.partition("=") for text in hashes]
        if len(cards) > 1 or not all(sha256 for _, _, sha256 in pairs):
            raise click.UsageError("--sha256 takes FILE=HEX, for one model at a time")
        pin_hashes(cards[0], {name: sha256.lower() for name, _, sha256 in pairs})
    paths = {}
    for card in cards:
        paths[card.name] = fetch_weights(card)
        say(f"{card.name}: {'has no weights' if card.weights is None else 'the weights are complete'}")
    if as_json:
        print_json(paths)
