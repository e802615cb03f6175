"""What is known of one sample of `hyle contested`, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyle.zoo import Sample

from ..comparison import sample_words
from .contested import ContestedSamples


def sample_row(result: ContestedSamples, row: int, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Return what is known of one sample, as plain data.

    Args:
        result: as `contested` returns it.
        row: of the sample.
        samples: id -> sample, as far as they are known.
    """
    found, sample_id = result.found, result.ids[row]
    numbers = ("agreement", "expected", "deviation", "p", "q", "agreed_p", "agreed_q", "raises")
    leaves = int(found.leaves[row])
    return {
        "id": sample_id,
        "sample": sample_words(samples.get(sample_id)),
        "label": result.labels.get(sample_id),
        **{name: float(getattr(found, name)[row]) for name in numbers},
        "beyond_p": None if found.beyond_p is None else float(found.beyond_p[row]),
        "beyond_q": None if found.beyond_q is None else float(found.beyond_q[row]),
        "leaves": result.models[leaves] if leaves >= 0 else None,
        "by_model": {name: float(found.by_model[i, row]) for i, name in enumerate(result.models)},
    }
