"""Neighbour-joining tree of the models."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..results import TreeResult
from ._analysis import Analysis
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "Which models belong together?"


def compute(question: AnalysisInput) -> TreeResult | None:
    """Compute the neighbour-joining tree of the models that have all scores; None for fewer than three."""
    from hyle.engine.analysis import tree

    values = question.score.mutual
    kept = np.flatnonzero(np.isfinite(values).sum(1) > 1)
    names = question.comparison["model"].values[kept]
    if len(names) < 3 or not np.isfinite(values[np.ix_(kept, kept)]).all():
        return None
    joined = tree(question.comparison.sel(model=names, other=names), question.metric)
    return TreeResult(joined, question.score.label, question.kinds)


def summarise(result: TreeResult) -> list[str]:
    """Return no sentence: the tree is a figure only."""
    return []


def print_result(result: TreeResult) -> None:
    """Print the tree, drawn as text and in the Newick format."""
    click.echo("Neighbour joining of the models' profiles; numbers are branch support in per cent")
    click.echo(result.tree.drawn(get_terminal_size((80, 24)).columns))
    click.echo(result.tree.newick)


def to_dict(result: TreeResult) -> dict[str, Any]:
    """Return the tree as plain data."""
    return {"newick": result.tree.newick, "distances": result.tree.distances}


def make_figures(result: TreeResult) -> dict[str, Figure]:
    """Return the tree as a dendrogram; nothing for three models, of which there is only one tree."""
    from ..figures import Figure, tree_chart

    if len(result.tree.models) < 4:
        return {}
    caption = (
        "Models are near each other where their alignments to all other models are similar. Numbers are branch support "
        "in per cent, over resampled profiles; branches with little support are unreliable. The tree is unrooted: the "
        "root is drawn at the midpoint for reading only."
    )
    recipe = f"{result.metric}; square root of the Jensen-Shannon divergence of profiles; neighbour joining"
    chart = tree_chart(result.tree.layout(), result.kinds)
    return {"tree": Figure(chart, QUESTION, caption, recipe)}


ANALYSIS = Analysis(
    name="tree",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
