"""Analyses: their sentences claim no more than the intervals support."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hyle.cli import figures, report
from hyle.cli.analyses import ANALYSES, AnalysisInput, NotSignificant, findings, run_analyses
from hyle.cli.analyses import figures as drawn
from hyle.cli.results import ProbeResult
from hyle.engine import save_comparison
from hyle.engine.analysis import Probe

from ..synthetic import build

Run = Callable[..., Any]


def panel(slope: float, *, m: int = 16, families: int = 8, seed: int = 0) -> xr.Dataset:
    """Return a Comparison of models whose alignment to a common centre falls with their energy error."""
    rng = np.random.default_rng(seed)
    error = np.sort(rng.uniform(0.1, 1, m))
    values = np.outer(1 - slope * error, 1 - slope * error) + 0.02 * rng.normal(size=(m, m))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    names = [f"m{i}" for i in range(m)]
    attrs = {"kind": "pair", "higher_is_better": "yes", "limits": "[0, 1]", "long_name": "CKNNA", "k": 10}
    data = xr.Dataset({"cknna": (("model", "other"), values, attrs)}, {"model": names, "other": names})
    data["energy_mae"] = ("model", error)
    data["parameters"] = ("model", np.geomspace(1e5, 1e8, m)[::-1])
    data["modality"], data["family"] = ("model", ["atoms"] * m), ("model", [f"f{i % families}" for i in range(m)])
    shared, own = rng.normal(size=60), rng.normal(size=(m, 60))
    data["energy_residual"] = (("model", "sample"), np.where(slope > 0, (1 - error)[:, None] * 3, 0) * shared + own)
    data.coords["sample"] = [f"s{i}" for i in range(60)]
    data.attrs |= {"hyle_version": "0", "n": 60}
    return data


def test_every_analysis_has_its_name_and_a_question() -> None:
    assert all(name == analysis.name for name, analysis in ANALYSES.items())
    assert all(analysis.question.endswith("?") for analysis in ANALYSES.values())


def test_a_package_that_is_missing_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compute(question: AnalysisInput) -> None:
        raise ImportError("a planted analysis needs a planted package")

    monkeypatch.setitem(ANALYSES, "tree", dataclasses.replace(ANALYSES["tree"], compute=compute))  # type: ignore[misc]
    for _ in range(2):
        assert run_analyses(AnalysisInput(panel(0.7), "cknna"), ["tree"]) == {}
    assert capsys.readouterr().err.splitlines() == ["a planted analysis needs a planted package"]


def test_planted_findings_are_stated() -> None:
    results = run_analyses(AnalysisInput(panel(0.7), "cknna"), ["convergence", "scale", "blind_spots"])
    text = " ".join(findings(results))
    assert "lower energy error lie closer to m0" in text
    assert "rises with parameters" in text
    assert "more aligned make the same energy errors" in text
    assert "not distinguishable" not in text


def test_too_few_families_are_inconclusive_with_the_smallest_p_they_give() -> None:
    question = AnalysisInput(panel(0.7, families=4), "cknna", against=panel(0.7, families=4, seed=1))
    results = run_analyses(question, ["convergence", "scale", "blind_spots", "regimes"])
    lines = findings(results)
    assert [("inconclusive" in line, "at least 6 families are needed" in line) for line in lines] == [(True, True)] * 4
    # Four families have 24 orders, of which at least one and its reverse are the most extreme.
    assert ANALYSES["scale"].to_dict(results["scale"])[0]["smallest_p"] >= 1 / 24
    assert np.isnan(ANALYSES["convergence"].to_dict(results["convergence"])["other_families"]["p"])


def test_two_sets_are_compared_at_one_n_and_k_where_there_are_embeddings() -> None:
    first, second = panel(0.7), panel(0.7)
    second.attrs["n"] = 90
    only = ["regimes"]
    text = " ".join(findings(run_analyses(AnalysisInput(first, "cknna", against=second), only)))
    assert "The sets differ in n (60 and 90)" in text
    rng = np.random.default_rng(0)
    views, latent = rng.normal(size=(7, 3, 5)), rng.normal(size=(2, 90, 3))
    rows: list[dict[str, np.ndarray]] = [
        {f"m{i}": z[:n] @ view + noise * rng.normal(size=(n, 5)) for i, view in enumerate(views)}
        for z, n, noise in ((latent[0], 40, 0.1), (latent[1], 90, 2.0))
    ]
    question = AnalysisInput(first, "cknna", against=second, embeddings=rows[0], outside=rows[1])
    results = run_analyses(question, only)
    text = " ".join(findings(results))
    assert "On 20 samples of each set, with k = 5 and over 20 redraws, CKNNA beyond chance is" in text
    assert "over samples, " in text
    assert "n = 7 models of 7 families" in text
    assert "The sets differ" not in text
    contrast = ANALYSES["regimes"].to_dict(results["regimes"])[0]["contrast"]
    assert (contrast["n"], contrast["groups"]) == (20, (40, 90))
    assert contrast["low"] <= contrast["outside"] - contrast["inside"] <= contrast["high"] < 0


def test_facts_that_cannot_be_separated_are_named() -> None:
    data = panel(0.7)
    kind = [("equivariant" if i % 8 == 3 else "invariant" if i % 8 < 5 else "unconstrained") for i in range(16)]
    data["architecture"], data["trained_on"] = ("model", kind), ("model", [f"set of {one}" for one in kind])
    results = run_analyses(AnalysisInput(data, "cknna"), ["factors"])
    text = " ".join(findings(results))
    assert "architecture (not separable from trained_on)" in text
    rows = {row["name"]: row for row in ANALYSES["factors"].to_dict(results["factors"])}
    assert rows["architecture"]["alone"] == ("equivariant = f3",)
    assert np.isnan(rows["architecture"]["p"])
    ANALYSES["factors"].print_result(results["factors"])
    assert drawn(results) == {}  # no fact can be tested, so that there is nothing to draw
    assert all(isinstance(line, NotSignificant) for line in findings(results))


def test_no_test_over_controls_that_were_chosen() -> None:
    data = build()
    data["intrinsic_dimension_se"] = ("model", 0.05 * data["intrinsic_dimension"].values)
    for name in ("cka", "cknna"):
        data[f"{name}_se"] = (("model", "other"), np.full((12, 12), 0.01))
    results = run_analyses(AnalysisInput(data, "cknna"), ["dimension"])
    line = " ".join(findings(results))
    # morgan has 17.8, and the models about 8; composition has 2.6.
    assert "morgan, the closest of 3 controls, has 17.8" in line
    assert "over samples" in line
    assert "p =" not in line
    first = " ".join(report.summary(data))
    assert "element counts (composition)" in first
    assert "over samples)" in first
    assert "p =" not in first


def test_nothing_is_claimed_for_noise() -> None:
    claims = []
    for seed in range(4):
        results = run_analyses(
            AnalysisInput(panel(0.0, seed=seed), "cknna"), ["convergence", "scale", "blind_spots", "factors"]
        )
        # That errors fall with size is planted in every panel; all else is noise.
        lines = [line for line in findings(results) if "energy mae falls" not in line]
        claims += [line for line in lines if "not distinguishable" not in line and "none is" not in line]
    assert len(claims) <= 2, claims


def test_results_for_two_sets(make_comparison: Callable[..., xr.Dataset]) -> None:
    first, second = make_comparison(), make_comparison(energies=False)
    second["cknna"] = second["cknna"] * 0.5
    second["cknna"].attrs = first["cknna"].attrs
    results = run_analyses(AnalysisInput(first, "cknna", against=second), ["regimes", "factors", "collapse"])
    text = " ".join(findings(results))
    assert "lower on the second set in CKNNA" in text
    assert {"regimes_cknna", "regimes_cka", "factors"} <= set(drawn(results))
    assert set(ANALYSES["factors"].to_dict(results["factors"])) == {"first", "second"}
    whole = report.render_report(first, results)
    assert 'id="chart-regimes_cknna"' in whole


def test_the_samples_of_a_probe_by_group_are_at_least_so_many() -> None:
    result = ProbeResult("gap", {"m0": Probe(0.2, 0.05, 0.5, 0.1, 0.4, 150, 30)}, {"m0": "atoms"}, "formulas")
    assert (
        "0.200 ± 0.050 against 0.400 of the median, n ≥ 30 held-out samples." in ANALYSES["probes"].summarise(result)[0]
    )
    (figure,) = ANALYSES["probes"].make_figures(result).values()
    assert figure.recipe.endswith("at least 150 training samples, at least 30 held out")
    alone = dataclasses.replace(result, units="")
    assert "of the median, n = 30 held-out samples." in ANALYSES["probes"].summarise(alone)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write embeddings with more and less information about a label, labels, errors, classes and sizes."""
    path = tmp_path_factory.mktemp("analyses")
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(90, 3))
    ids = [f"s{i:03}" for i in range(90)]
    for i, noise in enumerate((0.1, 0.4, 0.8, 1.5, 3.0)):
        x = latent @ rng.normal(size=(3, 6)) + noise * rng.normal(size=(90, 6))
        np.savez(path / f"m{i}.npz", embedding=x.astype(np.float32), ids=ids)
    label = latent @ [1.0, -1.0, 0.5]
    (path / "labels.csv").write_text("id,gap\n" + "".join(f"{i},{v}\n" for i, v in zip(ids, label, strict=True)))
    shared, lines = rng.normal(size=90), ["id,m0,m1,m2,m3"]
    errors = np.stack([shared * s + rng.normal(size=90) for s in (2, 2, 0, 0)], 1)
    (path / "errors.csv").write_text(
        "\n".join(lines + [",".join([i, *map(str, r)]) for i, r in zip(ids, errors, strict=True)])
    )
    truth = rng.integers(0, 3, 90)
    wrong = rng.random(90) < 0.4  # on the same samples, mostly with the same class
    second = wrong & (rng.random(90) < 0.8)
    np.savez(path / "classes.npz", truth=truth, m0=(truth + wrong) % 3, m1=(truth + second) % 3)
    (path / "steps.csv").write_text("model,step\nm0,1000\nm1,2000\nm2,4000\nm3,8000\nm4,16000\n")
    return path


@pytest.fixture
def compared(folder: Path, run: Run) -> Path:
    path = folder / "c.nc"
    if not path.exists():
        sources = [folder / f"m{i}.npz" for i in range(5)]
        metrics = "cka,cknna,information_imbalance,intrinsic_dimension"
        ran = run("compare", *sources, "--metrics", metrics, "-k", 10, "--permutations", 0, "-o", path)
        assert ran.code == 0, ran.err
    return path


def test_every_analysis_of_files(folder: Path, compared: Path, run: Run) -> None:
    embeddings = [word for i in range(5) for word in ("--embeddings", folder / f"m{i}.npz")]
    given = ["--label", folder / "labels.csv", "--few", 30, "--errors", folder / "errors.csv"]
    given += ["--sizes", folder / "steps.csv"]
    ran = run("analyse", compared, *embeddings, *given, "--json")
    assert ran.code == 0, ran.err
    results = ran.json
    assert results["probes"]["models"]["m0"]["r2"] > 0.9 > results["probes"]["models"]["m4"]["r2"]
    assert results["selection"]["models"][0] == "m0"
    assert results["convergence"]["all"]["reference"] == ["m0"]  # by the probe: there are no energies
    assert results["blind_spots"]["correlation"][0][1] > 0.5 > abs(results["blind_spots"]["correlation"][0][2])
    assert {row["size"] for row in results["scale"]} == {"step"}
    assert len(results["map"]["models"]["m0"]["place"]) == 90
    assert [one["state"] for one in results["collapse"]["inside"]][:2] == ["", ""]
    text = run("analyse", compared, *embeddings, *given).out
    assert "Is a ranking better than chance?" in text
    assert "R²" in text
    classes = run("analyse", compared, "--classes", folder / "classes.npz", "--only", "blind_spots", "--json").json
    assert 0.3 < classes["blind_spots"]["capa"][0][1] < 1


def test_mistakes_name_what_to_do(folder: Path, compared: Path, mistake: Callable[..., str], tmp_path: Path) -> None:
    assert "did you mean" in mistake("analyse", compared, "--only", "tre").lower()
    assert "no embeddings" in mistake("analyse", compared, "--label", "gap")
    here = ("--embeddings", folder / "m0.npz")
    assert "neither a label" in mistake("analyse", compared, *here, "--label", "nothing")
    bad = tmp_path / "bad.csv"
    bad.write_text("id,a\ns1,1\ns1,2\n")
    assert "row 3: the id 's1' is duplicated" in mistake("analyse", compared, *here, "--label", bad)
    bad.write_text("id,a\ns1,x\n")
    assert "row 2: 'x' in a is not a number" in mistake("analyse", compared, "--errors", bad)
    np.savez(tmp_path / "other.npz", embedding=np.ones((5, 2)), ids=list("abcde"))
    assert "no model 'other'" in mistake("analyse", compared, "--embeddings", tmp_path / "other.npz")
    np.savez(tmp_path / "m0.npz", embedding=np.ones((5, 2)), ids=list("abcde"))
    assert "differs from the embeddings compared as 'm0'" in mistake(
        "analyse", compared, "--embeddings", tmp_path / "m0.npz"
    )


def test_every_figure_of_the_analyses_is_saved_at_a_column_width(tmp_path: Path) -> None:
    comparison = panel(0.7)
    comparison["modality"] = ("model", ["atoms", "graph", "string", "atoms"] * 4)
    results = run_analyses(
        AnalysisInput(comparison, "cknna"), ["convergence", "tree", "factors", "blind_spots", "scale"]
    )
    paths = figures.save_figures(comparison, tmp_path, drawn(results))
    assert {"convergence", "tree", "factors", "blind_spots", "scale"} <= {path.stem for path in paths}
    svg = (tmp_path / "convergence.svg").read_text()
    assert 'width="89.00mm"' in svg
    assert 'width="183.00mm"' in (tmp_path / "scale.svg").read_text()
    assert b"/MediaBox [0 0 252.28" in (tmp_path / "convergence.pdf").read_bytes()
    header = (tmp_path / "convergence.csv").read_text().splitlines()[0]
    assert header == "model,modality,alignment,error,family_of_best"


def test_a_bare_comparison_of_two_has_a_report(tmp_path: Path) -> None:
    comparison = build(["rxnfp", "minilm"], ["cka"], modality=False, energies=False)
    results = run_analyses(AnalysisInput(comparison, "cka"))
    page = report.render_report(comparison, results)
    assert "rxnfp and minilm have a debiased linear CKA" in page
    save_comparison(comparison.drop_attrs(), tmp_path / "c.nc")
    assert json.dumps(list(results))


def test_models_that_share_nothing_are_so_by_a_named_metric() -> None:
    data = panel(0.0, m=5)
    imbalance = np.full((5, 5), 0.4)
    imbalance[4, :] = imbalance[:, 4] = 0.95
    data["information_imbalance"] = (("model", "other"), imbalance, {"kind": "pair", "higher_is_better": "no"})
    lines = findings(run_analyses(AnalysisInput(data, "cknna"), ["collapse"]))
    assert any(line.startswith("By information imbalance, m4 shares no detectable information") for line in lines)
    data = panel(0.0, m=5)
    data["cknna_q"] = (("model", "other"), np.full((5, 5), 0.6), {"permutations": 400})
    lines = findings(run_analyses(AnalysisInput(data, "cknna"), ["collapse"]))
    assert any(line.startswith("By cknna, m0, m1, m2, m3 and 1 more share no detectable information") for line in lines)
