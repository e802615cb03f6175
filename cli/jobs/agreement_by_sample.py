"""How far models agree sample by sample, by the cosine between relative rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from hyle.zoo import Representation

from ..comparison import known_groups, number, states_of_one_thing
from ..tables import print_table
from .compare import by_name
from .rows import rows_of, rows_word

# The groups of nodes: the sample that each atom, residue or token belongs to.
NODES = "sample"


def agreement_by_sample(representations: Sequence[Representation]) -> dict[str, Any]:
    """Return the mean cosine between the relative rows of each pair of models, over the samples that all have.

    Samples that are states of one thing, and nodes of one sample, are units of standard errors and of chance.

    Args:
        representations: relative to the same anchors.

    Returns:
        ``models``; the matrices ``cosine``, ``distance`` (1 minus it), ``se`` and ``chance``; ``n``, and what the rows
        are of.
    """
    from hyle.engine.analysis import relative_agreement

    named = by_name(representations)
    ids = sorted(set.intersection(*(set(each.ids) for each in representations)))
    labels = known_groups(NODES, representations, ids) or states_of_one_thing(representations, ids)[1]
    groups = [labels[id_] for id_ in ids] if labels else None
    found = relative_agreement({name: rows_of(each, ids) for name, each in named.items()}, groups=groups)
    return {
        "models": list(found.models),
        "cosine": found.cosine,
        "distance": 1 - found.cosine,
        "se": found.se,
        "chance": found.chance,
        "n": len(ids),
        "rows": rows_word(representations),
    }


def print_agreement_by_sample(found: dict[str, Any]) -> None:
    """Print the result of `agreement_by_sample`, the most similar pair first."""
    names, cosine = found["models"], found["cosine"]
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    pairs.sort(key=lambda pair: (-cosine[pair], pair))
    rows = [
        (
            names[i],
            names[j],
            f"{number(cosine[i, j], 3)} ± {number(found['se'][i, j], 3)}",
            number(found["chance"][i, j], 3),
        )
        for i, j in pairs
    ]
    one = found["rows"].removesuffix("s")
    click.echo(f"\nAgreement {one} by {one}: mean cosine between relative rows of {found['n']:,} {found['rows']}")
    print_table(("model", "other", "cosine", "chance"), rows, right=("cosine", "chance"), keys=2)
    click.echo("chance: mean cosine between rows of different samples")
