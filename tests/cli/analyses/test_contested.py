"""The samples that models disagree on, as an analysis and at the head of the report."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from hyle.cli.analyses import AnalysisInput, NotSignificant
from hyle.cli.analyses.contested import ANALYSIS
from hyle.cli.report import render_report
from hyle.zoo import Sample

MODELS = ["rxnmapper", "minimol", "chgnet-0.3.0", "aimnet2", "minilm", "random"]
N, CONTESTED = 160, 6


@pytest.fixture
def question(make_comparison: Callable[..., xr.Dataset]) -> AnalysisInput:
    """Models of four families that share a latent, but on the first samples, and a control that does not count."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(N, 3))
    rows = {}
    for name in MODELS:
        own = latent.copy()
        own[:CONTESTED] = rng.normal(size=(CONTESTED, 3))
        rows[name] = own @ rng.normal(size=(3, 6)) + 0.05 * rng.normal(size=(N, 6))
    rows["random"] = rng.normal(size=(N, 6))
    ids = [f"m{i}" for i in range(N)]
    samples = {i: Sample(i, smiles="C" * (1 + at % 5) + "O") for at, i in enumerate(ids)}
    return AnalysisInput(make_comparison(MODELS), "cka", ids=ids, embeddings=rows, samples=samples)


def test_planted_samples_are_found(question: AnalysisInput, capsys: pytest.CaptureFixture[str]) -> None:
    result = ANALYSIS.compute(question)
    assert result is not None
    assert "random" not in result.models
    found = ANALYSIS.to_dict(result)
    assert len({each["sample"] for each in found["samples"][:CONTESTED]} & {f"m{i}" for i in range(CONTESTED)}) >= 4
    (line,) = ANALYSIS.summarise(result)
    assert "contested: models agree on them less than on samples like them (q ≤ 0.05; 5 models of 4 families" in line
    assert not isinstance(line, NotSignificant)
    ANALYSIS.print_result(result)
    assert found["samples"][0]["sample"] in capsys.readouterr().out


def test_the_report_draws_them(question: AnalysisInput) -> None:
    page = render_report(question.comparison, {"contested": ANALYSIS.compute(question)})
    section = page.partition('<section class="contested"')[2].partition("</section>")[0]
    assert section.count("<svg") == 6
    assert "have in common" in section
    assert '<section class="contested"' not in render_report(question.comparison)


def test_homogeneous_agreement_has_no_contested_sample(question: AnalysisInput) -> None:
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(N, 3))
    question.embeddings = {
        name: latent @ rng.normal(size=(3, 6)) + 0.3 * rng.normal(size=(N, 6)) for name in MODELS if name != "random"
    }
    result = ANALYSIS.compute(question)
    assert result is not None
    (line,) = ANALYSIS.summarise(result)
    assert isinstance(line, NotSignificant)


def test_too_few_samples_or_families_are_skipped(question: AnalysisInput) -> None:
    few = {name: rows[:40] for name, rows in question.embeddings.items()}
    assert ANALYSIS.compute(AnalysisInput(question.comparison, "cka", ids=question.ids[:40], embeddings=few)) is None
    two = {name: question.embeddings[name] for name in MODELS[:2]}
    assert ANALYSIS.compute(AnalysisInput(question.comparison, "cka", ids=question.ids, embeddings=two)) is None
    assert ANALYSIS.compute(AnalysisInput(question.comparison, "cka")) is None
