"""Tree of the models of a domain, joined at the alignments that their cards list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .cards import Card

if TYPE_CHECKING:
    from hyle.engine.analysis import Node

FEWEST = 3


def listed_pairs(cards: Sequence[Card]) -> dict[tuple[str, str], float]:
    """Return the calibrated alignment of each pair that a card lists, the mean where the cards of both list it.

    A card lists the nearest models of other families, all of its own family, and the controls.
    """
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for card in cards:
        inside = card.data["sets"]["in"]
        for one in (*inside["relatives"], *inside["own_family"], *inside["controls"]):
            if one["value"] is not None and one["model"] != card.model:
                first, second = sorted((card.model, one["model"]))
                values[first, second].append(one["value"])
    return {pair: sum(found) / len(found) for pair, found in sorted(values.items())}


def alignment_tree(cards: Sequence[Card]) -> list[Node]:
    """Join models by single linkage: two groups meet at the highest alignment that a card lists between them.

    Pairs that no card lists, and pairs below chance, count as being at chance. Since a card lists the nearest models, a
    pair that is not listed is no nearer than the last one that is.

    Args:
        cards: of one domain.

    Returns:
        The layout, every node after its parent: the depth of a node is the alignment at which its models meet, and 1
        for a model. Empty for fewer than three models.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    from hyle.engine.analysis import Node

    pairs = listed_pairs(cards)
    models = sorted({name for pair in pairs for name in pair})
    if len(models) < FEWEST:
        return []
    row = {name: i for i, name in enumerate(models)}
    distances = 1 - np.eye(len(models))
    for (first, second), value in pairs.items():
        i, j = row[first], row[second]
        distances[i, j] = distances[j, i] = 1 - min(max(value, 0.0), 1.0)
    merges = linkage(squareform(distances), "single")
    places = {int(leaf): float(place) for place, leaf in enumerate(leaves_list(merges))}
    for i, (first, second) in enumerate(merges[:, :2].astype(int)):
        places[len(models) + i] = (places[first] + places[second]) / 2
    nodes, waiting = [], [(2 * len(models) - 2, -1)]
    while waiting:
        cluster, parent = waiting.pop()
        merge = cluster - len(models)
        if merge < 0:
            nodes.append(Node(models[cluster], parent, 1.0, places[cluster], float("nan")))
            continue
        # Rounded, so that the page does not depend on how a processor rounds.
        nodes.append(Node("", parent, round(1 - float(merges[merge, 2]), 4), places[cluster], float("nan")))
        waiting += [(int(child), len(nodes) - 1) for child in merges[merge, :2]]
    return nodes
