"""Sequence logos of what surrounds residues that are listed on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hyle.zoo import sequence_logo, window
from hyle.zoo.depictions import information

from ._matter import Pictured

# Residues before and after one in a logo, and residues from which on there is one.
REACH, FEWEST = 7, 5


def sequence_logos(ends: Mapping[str, Sequence[Pictured]]) -> dict[str, str]:
    """Return the sequence logos of what surrounds residues, on one scale; none where sequences are unknown or few.

    Args:
        ends: name -> residues.
    """
    windows = {
        name: [
            window(one.sample.sequence, one.number, REACH)
            for one in residues
            if one.sample is not None and one.sample.sequence and one.number is not None
        ]
        for name, residues in ends.items()
    }
    if min(map(len, windows.values())) < FEWEST:
        return {}
    most = min(np.log2(20), max(1, *(np.ceil(information(each)[0].max()) for each in windows.values())))
    return {name: sequence_logo(each, height=75, most=float(most)) for name, each in windows.items()}
