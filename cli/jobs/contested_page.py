"""The page of `hyle contested`: the samples that models disagree on most, and agree on most, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hyle.zoo import Sample

from ..comparison import number
from ..report import ContestedPage, Listed, Pictured, write_contested_page
from .contested import ContestedSamples
from .contested_text import digits_of, summary_lines
from .matter import marked_number, sample_of


def write_page_of_contested(
    result: ContestedSamples,
    samples: Mapping[str, Sample],
    path: Path,
    *,
    count: int,
    selected: Sequence[int] = (),
    explanation: Sequence[str] = (),
) -> Path:
    """Write the page; return its path.

    Args:
        result: as `contested` returns it.
        samples: id of a sample, or of its atoms or residues -> sample, as far as they are known.
        path: of the file.
        count: number of samples at each end.
        selected: rows that were selected for labelling, which are shown instead of the most contested ones.
        explanation: sentences on what contested samples have in common.

    Raises:
        OutputError: the file cannot be written.
    """
    found, kind = result.found, result.per or "sample"
    digits = digits_of(found.agreement)

    def listed(row: int, names: Sequence[str]) -> Listed:
        name, place = sample_of(result.ids[row], nodes=bool(result.per))
        sample = samples.get(result.ids[row]) or samples.get(name)
        values = {
            "agreement": number(float(found.agreement[row]), digits),
            "expected": number(float(found.expected[row]), digits),
            "deviation": number(float(found.deviation[row]), 2),
            "q": "" if np.isnan(found.q[row]) else f"{found.q[row]:.2g}",
            "q above chance": "" if np.isnan(found.agreed_q[row]) else f"{found.agreed_q[row]:.2g}",
            "leaves": result.models[found.leaves[row]] if found.leaves[row] >= 0 else "",
        }
        label = result.labels.get(result.ids[row])
        facts = ({kind: label} if label else {}) | {name: values[name] for name in names if values[name]}
        one = Pictured(result.ids[row], sample, marked_number(place, sample, result.per))
        return Listed(one, row, facts)

    low = [int(row) for row in (selected or result.contested[:count])]
    names = ("agreement", "expected", "deviation", "q", "leaves")
    facts = {
        f"{kind}s": f"{len(result.ids):,}",
        "models": f"{len(result.models)} of {found.families} families",
        **({"neighbours": f"{result.k}, {result.neighbour_metric}".replace("_", " ")} if result.k else {}),
        "chance": number(found.chance, digits),
        "compared": ", ".join(result.models),
    }
    first, *rest = (line.replace("<=", "≤") for line in summary_lines(result))
    page = ContestedPage(
        title=f"{kind.capitalize()}s that {len(result.models)} models disagree on",
        summary=[f"{first}; {rest[0]}.", *(f"{line[0].upper()}{line[1:]}." for line in rest[1:])],
        facts=facts,
        agreement=found.agreement,
        expected=found.expected,
        significant=found.q <= 0.05,
        contested=[listed(row, names) for row in low],
        agreed=[listed(int(row), ("agreement", "q above chance")) for row in result.agreed[:count]],
        kind=kind,
        selected=bool(selected),
        explanation=explanation,
    )
    return write_contested_page(page, path)
