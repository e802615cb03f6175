"""The page of contested samples: its figure, and what it draws of residues and not of atoms."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hyle.cli.report import ContestedPage, Listed, Pictured, write_contested_page
from hyle.zoo import Sample

N = 20


def written(path: Path, *, scale: float = 1.0, kind: str = "sample", number: int | None = None) -> str:
    """Return the page of samples that have a SMILES string and a sequence."""
    agreement = scale * np.linspace(0.1, 0.6, N)
    samples = [Sample(f"<s{i}>", smiles="CCO", sequence="MKVLAAGIT") for i in range(N)]
    listed = [Listed(Pictured(one.id, one, number), i, {"agreement": "1"}) for i, one in enumerate(samples)]
    facts = {"models": "4 of 4 families"}
    page = ContestedPage(
        "A title", ["A sentence."], facts, agreement, agreement[::-1], agreement < 0, listed[:6], listed[-6:], kind
    )
    return write_contested_page(page, path).read_text("utf-8")


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e-7, 300.0])
def test_ticks_differ_and_are_the_values_of_their_places(scale: float, tmp_path: Path) -> None:
    text = written(tmp_path / "c.html", scale=scale)
    ticks = re.findall(r'<g class="tick"><text x="(\d+)"[^>]*>([^<]*)</text>', text)
    values = np.array([float(value.replace(",", "")) for _, value in ticks])
    assert len(set(values)) == len(ticks) >= 3
    places = np.array([float(x) for x, _ in ticks])
    low, high = 0.1 * scale, 0.6 * scale
    np.testing.assert_allclose(places, 46 + (640 - 46 - 12) * (values - low) / (high - low), atol=1)


def test_logos_are_of_residues_alone_and_ids_are_escaped(tmp_path: Path) -> None:
    assert "sequence logo" not in written(tmp_path / "a.html", kind="atom", number=1)
    text = written(tmp_path / "r.html", kind="residue", number=3)
    assert text.count("<title>sequence logo of 6 sequences") == 2
    assert "<s0>" not in text
