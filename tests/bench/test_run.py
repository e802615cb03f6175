"""The benchmark harness: one tiny case from end to end, and how a peer that fails is recorded."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from bench import environments, measure, report
from bench.__main__ import main, measure_all, record
from bench.cases import Case
from bench.chart import STUDY, rows
from bench.inputs import write
from bench.peers import load_peers
from bench.results import Results, load, machine, relative_error
from bench.table import markdown

TINY = Case("pair 80x12", "pair", 80, (12, 16))
ALL = Case("all 3x80", "all", 80, (12, 16, 20))
PEERS = load_peers()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write(tmp_path_factory.mktemp("inputs"), ALL.n, ALL.widths)


def run(key: str, case: Case, inputs: list[str], **options: float) -> dict:
    limits = {"budget": 10.0, "limit": 120.0} | options
    return measure.run(sys.executable, PEERS[key], case, inputs[: len(case.widths)], **limits)


@pytest.fixture(scope="module")
def results(inputs: list[str]) -> Results:
    """A run of the real workers, with the peers that are installed in this Python and one that is not."""
    found = Results(machine(), {"hyle": {"jax": "0"}}, [dataclasses.asdict(case) for case in (TINY, ALL)])
    keys = ("hyle/cka", "definition/cka", "torch, feature space/cka", "ckatorch/cka")
    for case, wanted in ((TINY, keys), (ALL, ("hyle/cka", "torch, feature space/cka"))):
        found.measurements += [record(PEERS[key], case, run(key, case, inputs)) for key in wanted]
    return found


def test_the_engine_and_a_peer_give_the_value_of_the_definition(results: Results):
    truth = results.find(TINY.name, "definition", "cka")["value"]
    for tool in ("hyle", "torch, feature space"):
        row = results.find(TINY.name, tool, "cka")
        assert relative_error(row["value"], truth) < 1e-4
        assert 0 < row["seconds"] <= row["first"]
        assert row["cpu"] >= 0
        assert row["runs"] > 1


def test_all_pairs_of_the_engine_and_of_a_loop_agree(results: Results):
    matrix = np.array(results.find(ALL.name, "hyle", "cka")["value"])
    loop = results.find(ALL.name, "torch, feature space", "cka")
    assert loop["scaled_from"] is None
    for pair, value in loop["value"].items():
        a, b = map(int, pair.split("-"))
        assert value == pytest.approx(matrix[a, b], rel=1e-4)


def test_a_loop_that_does_not_fit_in_its_budget_is_scaled_and_says_so(inputs: list[str]):
    found = run("torch, feature space/cka", ALL, inputs, budget=0.0)
    assert found["scaled_from"] == 1
    assert found["seconds"] > found["measured"]


def test_a_peer_that_is_not_there_is_skipped_with_its_reason(results: Results):
    (row,) = results.skipped()
    assert row["tool"] == "ckatorch"
    assert row["skipped"] == "ModuleNotFoundError: No module named 'ckatorch'"
    assert "seconds" not in row


def test_what_takes_too_long_or_too_much_is_stopped_with_its_reason(inputs: list[str], monkeypatch: pytest.MonkeyPatch):
    assert run("definition/cka", TINY, inputs, limit=0.05) == {"skipped": "took longer than 0 s"}
    if measure.available_memory() is not None:
        monkeypatch.setattr(measure, "MEMORY_SHARE", 0.0)
        assert run("definition/cka", TINY, inputs) == {"skipped": "needs more than 0 GiB of memory"}


def test_a_peer_that_does_not_install_is_not_run(inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "FIRST", {})
    monkeypatch.setattr(environments, "_pip", lambda folder, *arguments: "No matching distribution found")
    venv = SimpleNamespace(run=lambda command, check: Path(command[-1]).mkdir(parents=True))
    monkeypatch.setattr(environments, "subprocess", venv)
    peer = PEERS["dcor/distance_correlation"]
    failed = environments.build([peer.package], lambda text: None)
    assert failed == {"dcor": "does not install: No matching distribution found"}
    # The failure is remembered: a second run reports it without another attempt.
    monkeypatch.setattr(environments, "_pip", lambda folder, *arguments: pytest.fail("tried again"))
    assert environments.build([peer.package], lambda text: None) == failed

    monkeypatch.setattr("bench.__main__.INPUTS", Path(inputs[0]).parent)
    found = Results(machine())
    measure_all(found, [peer], [TINY], failed, tmp_path / "out.json", quick=True)
    assert [row["skipped"] for row in load(tmp_path / "out.json").measurements] == [failed["dcor"]]


def test_table_and_chart_come_out_of_a_results_file(results: Results, tmp_path: Path):
    results.save(tmp_path / "some.json")
    again = load(tmp_path / "some.json")
    assert again.measurements[0]["seconds"] == pytest.approx(results.measurements[0]["seconds"], rel=1e-8)
    done = CliRunner().invoke(report.main, [str(tmp_path / "some.json")])
    assert done.exit_code == 0, done.output
    table = (tmp_path / "some.md").read_text()
    assert "| ckatorch 1.0.3 | linear CKA, debiased: pair 80x12 | ModuleNotFoundError: No module named" in table
    assert "## All pairs: 3 models, 80 samples, width 12 to 20" in table
    heads = [line.count("|") for line in table.splitlines() if line.startswith("| metric")]
    assert len(heads) == 3
    chart = (tmp_path / "some.svg").read_text()
    assert chart.startswith("<svg")
    assert "torch, feature space, " in chart


def test_a_file_without_results_is_one_clear_line(tmp_path: Path):
    (tmp_path / "bad.json").write_text("{}")
    done = CliRunner().invoke(report.main, [str(tmp_path / "bad.json")])
    assert done.exit_code == 1
    assert "make bench" in done.output


def test_the_value_far_from_the_origin_comes_from_the_same_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bench.__main__.INPUTS", tmp_path)
    far = dataclasses.replace(TINY, name="far 80x12", far=True)
    found = Results(machine(), {}, [dataclasses.asdict(case) for case in (TINY, far)])
    measure_all(found, [PEERS["definition/cka"]], [TINY, far], {}, tmp_path / "out.json", quick=True)
    near, away = (found.find(case.name, "definition", "cka") for case in (TINY, far))
    assert near["value"] == pytest.approx(away["value"], rel=1e-4)
    assert near["value"] != away["value"]
    assert away["seconds"] is None


def test_the_study_is_set_against_the_peers_only_where_each_metric_has_one(results: Results):
    found = dataclasses.replace(results, measurements=list(results.measurements))
    study = {"seconds": 2.0, "cpu": 3.0, "first": 4.0, "peak": 0, "value": {"cka": 0, "cknna": 0}}
    found.measurements.append(record(PEERS["hyle/study"], ALL, study))
    assert "without cknna, for which no peer was measured" in markdown(found)
    assert STUDY not in {row["metric"] for row in rows(found, ALL.name)}
    found.measurements.append(record(PEERS["torch, by hand/cknna"], ALL, study | {"seconds": 40.0}))
    (own, peers) = [row for row in rows(found, ALL.name) if row["metric"] == STUDY]
    assert own["seconds"] == 2.0
    assert peers["seconds"] > 40.0
    assert peers["text"] == "fastest peers, summed, 20×"
    assert "times the engine's (torch, feature space (cka); torch, by hand (cknna))" in markdown(found)


def test_what_was_measured_is_neither_lost_nor_measured_again(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(environments, "build", lambda *_: {})
    monkeypatch.setattr(environments, "python", lambda *_: sys.executable)
    monkeypatch.setattr("bench.__main__.plan", lambda **_: [TINY])
    monkeypatch.setattr("bench.__main__.INPUTS", tmp_path)
    out, measured = tmp_path / "some.json", []
    monkeypatch.setattr(measure, "run", lambda python, peer, *_, **__: measured.append(peer.key) or {"skipped": "late"})
    earlier = dataclasses.replace(results, machine=machine())
    earlier.save(out)
    # The earlier run has the engine on this case, and another case; only one measurement of the plan is missing.
    options = ["--resume", "--cpu", "--only", "hyle/cka_biased", "--only", "hyle/cka", "--out", str(out)]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    assert measured == ["hyle/cka_biased"]
    again = load(out)
    names = [(row["case"], row["tool"]) for row in again.measurements]
    assert names == [*((row["case"], row["tool"]) for row in results.measurements), (TINY.name, "hyle")]
    assert [case["name"] for case in again.cases] == [TINY.name, ALL.name]


def test_a_run_is_not_resumed_on_another_machine(tmp_path: Path):
    out = tmp_path / "cpu.json"
    options = ["--resume", "--cpu", "--only", "dcor", "--out", str(out)]
    none = CliRunner().invoke(main, options)
    Results(machine() | {"cpu": "Z80"}).save(out)
    other = CliRunner().invoke(main, options)
    assert none.exit_code == other.exit_code == 2
    assert f"{out} does not exist. Run without --resume" in none.output.replace("\n", "")
    assert "different machines, Z80 with" in other.output.replace("\n", " ")
    assert load(out).machine["cpu"] == "Z80"
