"""How far the composition of a sample is from the other samples of the data set.

Training data of models are not at hand, so that this measures the place of a sample in its own data set only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from .descriptor import Fact, Property

# Among fewer elements, the presence of each says more than how rare it is.
MANY_ELEMENTS = 10
DISTANCE = Property(
    "distance of the composition from the mean",
    "with a composition farther from the data set's mean",
    "with a composition closer to the data set's mean",
    "Euclidean distance of the shares of the elements, or of the residue types, from their mean over the data set",
)
RAREST = Property(
    "frequency of the rarest element",
    "whose rarest element is more frequent in the data set",
    "whose rarest element is rarer in the data set",
    "share of the samples of the data set that contain the element of the sample which the fewest contain",
)


def composition_facts(counts: Sequence[Counter[str]], *, elements: bool) -> Iterator[list[Fact]]:
    """Yield the descriptors of each sample.

    Args:
        counts: number of atoms of each element, or of residues of each type, one mapping for each sample; those that
            are empty do not count.
        elements: whether they are elements; the frequency of the rarest is given if there are at least `MANY_ELEMENTS`.
    """
    names = sorted({name for each in counts for name in each})
    place = {name: i for i, name in enumerate(names)}
    shares = np.full((len(counts), len(names)), np.nan)
    for row, each in zip(shares, counts, strict=True):
        if each:
            row[:] = 0
            for name, count in each.items():
                row[place[name]] = count / each.total()
    known = [i for i, each in enumerate(counts) if each]
    mean = shares[known].mean(0) if known else np.zeros(len(names))
    present = (shares[known] > 0).mean(0) if known else np.zeros(len(names))
    for row, each in zip(shares, counts, strict=True):
        facts: list[Fact] = []
        if each:
            facts.append((DISTANCE, float(np.linalg.norm(row - mean))))
            if elements and len(names) >= MANY_ELEMENTS:
                facts.append((RAREST, float(present[row > 0].min())))
        yield facts
