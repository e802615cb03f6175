"""Fetch weights that lie on a hub or on the web."""

from __future__ import annotations

import click

from hyle.zoo import check_hashes, fetch, find_card, pin_hashes, weights_files

from ..console import say
from ..options import json_option, print_json


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--sha256", "hashes", multiple=True, metavar="FILE=HEX", help="What a file must hash to, where the card is silent."
)
@json_option
def command(models: tuple[str, ...], hashes: tuple[str, ...], as_json: bool) -> None:
    """Fetch the weights of MODELS that lie on a hub or on the web, and check them.

    `hyle embed` fetches what it needs by itself. A file that can only be unpickled, which can run any code, is fetched
    and read only where its SHA-256 is known: from its card, or from you.

    \b
    hyle fetch mace-mp-small
    hyle fetch MODEL --sha256 weights=HEX
    """
    cards = [find_card(name, notify=say) for name in models]
    if hashes:
        pairs = [text.partition("=") for text in hashes]
        if len(cards) > 1 or not all(sha256 for _, _, sha256 in pairs):
            raise click.UsageError("--sha256 takes FILE=HEX, for one model at a time")
        pin_hashes(cards[0], {name: sha256.lower() for name, _, sha256 in pairs})
    found = {}
    for card in cards:
        if card.weights is not None and card.weights.remote:
            check_hashes(card)
            fetch(card.weights, notify=say)
        found[card.name] = {name: str(path) for name, path in weights_files(card, notify=say).items()}
        say(f"{card.name}: {'needs no weights' if card.weights is None else 'its weights are here'}")
    if as_json:
        print_json(found)
