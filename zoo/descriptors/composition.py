"""How far the composition of a sample is from the other samples of its data set, and from training data."""

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
NEAREST = Property(
    "distance to the nearest composition of the training data",
    "with a composition farther from the training data",
    "with a composition closer to the training data",
    "smallest Euclidean distance of the shares of the elements, or of the residue types, to those of a training sample",
)
NEW = Property(
    "element that the training data lack",
    "with an element that the training data lack",
    "without an element that the training data lack",
    "an element, or a residue type, of the sample is in no sample of the training data",
    binary=True,
    absent=0,
)


def composition_facts(
    counts: Sequence[Counter[str]], *, elements: bool, training: Sequence[Counter[str]] = ()
) -> Iterator[list[Fact]]:
    """Yield the descriptors of each sample.

    Args:
        counts: number of atoms of each element, or of residues of each type, one mapping for each sample; those that
            are empty do not count.
        elements: whether they are elements; the frequency of the rarest is given if there are at least `MANY_ELEMENTS`.
        training: the same of training samples, to which the distances are given as well if there are any.

    Cost O(n t e) for t different compositions of training samples and e elements.
    """
    training = [each for each in training if each]
    names = sorted({name for each in (*counts, *training) for name in each})
    shares = _shares(counts, names)
    reference = np.unique(_shares(training, names), axis=0)
    known = [i for i, each in enumerate(counts) if each]
    mean = shares[known].mean(0) if known else np.zeros(len(names))
    present = (shares[known] > 0).mean(0) if known else np.zeros(len(names))
    for row, each in zip(shares, counts, strict=True):
        facts: list[Fact] = []
        if each:
            facts.append((DISTANCE, float(np.linalg.norm(row - mean))))
            if elements and (present > 0).sum() >= MANY_ELEMENTS:
                facts.append((RAREST, float(present[row > 0].min())))
            if len(reference):
                facts.append((NEAREST, float(np.linalg.norm(reference - row, axis=1).min())))
                facts.append((NEW, float(((row > 0) & ~(reference > 0).any(0)).any())))
        yield facts


def _shares(counts: Sequence[Counter[str]], names: Sequence[str]) -> np.ndarray:
    """Return the share of each name, [n, e]; NaN for a sample without any."""
    place = {name: i for i, name in enumerate(names)}
    shares = np.full((len(counts), len(names)), np.nan)
    for row, each in zip(shares, counts, strict=True):
        if each:
            row[:] = 0
            for name, count in each.items():
                row[place[name]] = count / each.total()
    return shares
