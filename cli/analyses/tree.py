"""Tell which models belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..results import TreeResult
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure


def data(question: AnalysisInput) -> TreeResult | None:
    """Join the models that have all scores; None for fewer than three."""
    from hyle.engine.analysis import tree

    values = question.score.mutual
    kept = np.flatnonzero(np.isfinite(values).sum(1) > 1)
    names = question.comparison["model"].values[kept]
    if len(names) < 3 or not np.isfinite(values[np.ix_(kept, kept)]).all():
        return None
    whole = tree(question.comparison.sel(model=names, other=names), question.metric)
    return TreeResult(whole, question.score.label, question.kinds)


def sentences(found: TreeResult) -> list[str]:
    """Name nothing: a tree is looked at."""
    return []


def show(found: TreeResult) -> None:
    """Print the tree, drawn and as Newick."""
    click.echo("Neighbour joining of the models' profiles; numbers are the support of a branch in per cent")
    click.echo(found.tree.drawn())
    click.echo(found.tree.newick)


def plain(found: TreeResult) -> dict[str, Any]:
    """Return the tree for programs."""
    return {"newick": found.tree.newick, "distances": found.tree.distances}


def figures(found: TreeResult) -> dict[str, Figure]:
    """Return the tree as a dendrogram."""
    from ..figures import Figure, tree_chart

    caption = (
        "Models are near where their alignments to all others are alike. Numbers are the support of a branch in per "
        "cent, over resampled profiles; branches of little support are no finding. The root stands midway for reading "
        "alone: the tree has none."
    )
    recipe = f"{found.metric}; square root of the Jensen-Shannon divergence of profiles; neighbour joining"
    chart = tree_chart(found.tree.layout(), found.kinds)
    return {"tree": Figure(chart, "Which models belong together?", caption, recipe)}
