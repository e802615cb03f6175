"""`hyle leaderboard`: check benchmark cards, and build a static site from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..console import say
from ..leaderboard import check_folder, read_cards, render_site, write_site
from ..options import LocalPath, json_option, print_json
from ..outputs import check_parent


@click.command(short_help="Build a website from benchmark results.")
@click.argument("cards", nargs=-1, required=True, type=LocalPath(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    default=Path("hyle-leaderboard"),
    show_default=True,
    help="Folder for the site: new, empty, or written by this command before.",
)
@click.option("--check", is_flag=True, help="Only check the cards, and write nothing.")
@json_option
def command(cards: Sequence[Path], output: Path, check: bool, as_json: bool) -> None:
    """Build a static site from benchmark cards: a ranking for each domain, and a page for each model.

    CARDS are the .json files of `hyle benchmark MODEL -o MODEL.json`, or folders of them. The site needs no server:
    it opens from disk and from any static host, and loads nothing from the network. The same cards give the same files.

    Every card is checked first: its schema, the ranges of its numbers, the hashes of the reference panels, names that
    are there twice, and strings that could harm a page. Each problem is reported with its file and key.

    \b
    Examples:
      hyle leaderboard cards/*.json -o site
      hyle leaderboard docs/leaderboard/cards -o docs/leaderboard
      hyle leaderboard --check mymodel.json
    """
    if not check:
        check_parent(output)
        before = check_folder(output)
    found = read_cards(cards)
    models = len({card.model for card in found})
    counted = f"{len(found)} card{'s' * (len(found) != 1)} of {models} model{'s' * (models != 1)}"
    if check:
        if as_json:
            print_json({"cards": len(found), "models": models})
        else:
            click.echo(f"{counted}: no problems")
        return
    write_site(render_site(found), output)
    say(f"{counted}: {'replaced' if before else 'wrote'} {output / 'index.html'}")
    if as_json:
        print_json({"cards": len(found), "models": models, "files": {"index": str(output / "index.html")}})
