"""The measurement on an accelerator: the runner of the stages, what they check, and three of them on a CPU."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.accelerator.__main__ import main
from bench.accelerator.differences import check, difference, differences, wrong_neighbours
from bench.accelerator.measuring import work
from bench.accelerator.rows import Job
from bench.accelerator.runner import run
from bench.accelerator.stages import STAGES, TOTAL, Stage
from bench.accelerator.study import cases, expected, unsuitable
from bench.accelerator.table import markdown, shown
from bench.results import ROOT


def stage(name: str, limit: float = 60, *, rest: bool = False) -> Stage:
    return Stage(name, limit, f"tests.bench.accelerator_stages:{name}", rest)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_running(pid)


def test_a_stage_that_fails_dies_or_hangs_keeps_its_figures_and_the_others_go_on(tmp_path: Path) -> None:
    path, lines = tmp_path / "found.json", []
    stages = [stage("works"), stage("fails"), stage("dies"), stage("hangs", 5), stage("reads")]
    record = run(stages, path, quick=True, show=lines.append)
    assert json.loads(path.read_text()) == record
    assert list(tmp_path.iterdir()) == [path]
    found = record["stages"]
    assert [entry["state"] for entry in found.values()] == ["done", "failed", "failed", "failed", "done"]
    assert [entry["error"] for entry in found.values()] == [
        "",
        "ValueError: no such device",
        "ended with code 3: the driver is gone",
        "took longer than 5 s",
        "",
    ]
    assert [len(entry["rows"]) for entry in found.values()] == [2, 1, 1, 1, 1]
    assert found["works"]["rows"][0]["facts"] == {"quick": True}
    assert found["works"]["rows"][1]["figure"] is None
    assert found["reads"]["rows"][0]["figure"] == 1.0
    assert wait_until_gone(found["hangs"]["rows"][0]["figure"])
    assert [line.split()[0] for line in lines] == list(found)


def test_the_last_stage_gets_the_time_that_is_left_and_no_stage_more_than_that(tmp_path: Path) -> None:
    stages = [stage("works", 500), stage("reads", 1, rest=True)]
    found = run(stages, tmp_path / "found.json", total=100, show=lambda _: None)["stages"]
    assert 95 < found["works"]["limit"] <= 100
    assert 1 < found["reads"]["limit"] <= 100
    assert found["reads"]["rows"][0]["facts"]["left"] <= found["reads"]["limit"] + 0.05


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_it_had_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "found.json"
    script = (
        "import sys; from tests.bench.test_accelerator import stage; import bench.accelerator.__main__ as command; "
        "command.STAGES = (stage('works'), stage('hangs'), stage('reads')); sys.exit(command.main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", script, "--quick", "--out", str(path)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (path.exists() and "process of its own" in path.read_text()):
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(path.read_text())["stages"]
    assert [(name, entry["state"]) for name, entry in found.items()] == [("works", "done"), ("hangs", "interrupted")]
    assert "| hangs | interrupted | stopped by a signal |" in output
    assert wait_until_gone(found["hangs"]["rows"][0]["figure"])


def test_the_stages_exist_and_fit_in_eight_minutes() -> None:
    assert sum(each.limit for each in STAGES) <= TOTAL < 480
    assert [each.name for each in STAGES if each.rest] == [STAGES[-1].name]
    for each in STAGES:
        module, _, name = each.function.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_what_the_command_cannot_do_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    for words, message in (
        (["--quick", "--out", "found.txt"], "has to end in .json"),
        (["--quick", "--stage", "nothing"], "invalid choice: 'nothing'"),
        ([], "use --quick"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err


def test_the_table_has_every_figure_with_its_ratio_and_bound(tmp_path: Path) -> None:
    record = run([stage("works"), stage("fails")], tmp_path / "found.json", show=lambda _: None)
    row = record["stages"]["works"]["rows"][0]
    row |= {"ratio": 2.0, "to": "bare products", "bound": 0.25}
    record["stages"]["works"]["rows"][1] |= {"skipped": "no torch"}
    lines = markdown(record).splitlines()
    assert "| works | one | 1 s | 2 x bare products | ≥ 250 ms |" in lines
    assert "| works | not a number | skipped: no torch |  |  |" in lines
    assert "| fails | failed | ValueError: no such device |  |  |" in lines
    texts = [("FLOP/s", 5e13), ("B/s", 3e12), ("bytes", 2**31), ("share", 0.0061), ("difference", 2e-7), ("", "equal")]
    expected_texts = ["50 TFLOP/s", "3e+03 GB/s", "2.0 GiB", "0.61%", "2.0e-07", "equal"]
    assert [shown(figure, unit) for unit, figure in texts] == expected_texts


def test_a_difference_beyond_rounding_is_an_error_that_names_the_metric() -> None:
    cpu = {"cka": np.array([1.0, np.nan]), "mutual_knn": np.array([0.5]), "intrinsic_dimension": np.array([20.0])}
    near = {"cka": cpu["cka"] + 1e-5, "mutual_knn": cpu["mutual_knn"] + 5e-4, "intrinsic_dimension": np.array([20.01])}
    check(differences(near, cpu, cpu))
    with pytest.raises(ArithmeticError, match=r"^cka differs by 5.0e-04: more"):
        check(differences({**near, "cka": cpu["cka"] + 5e-4}, cpu, cpu))
    assert difference([1.0, 0.0], [1.0, np.nan]) == float("inf")


def test_neighbours_may_differ_only_where_distances_are_equal() -> None:
    points = np.array([[0.0], [1.0], [-1.0], [2.0]])
    table = np.array([[1, 2], [0, 3], [0, 1], [1, 0]])
    swapped, wrong = table.copy(), table.copy()
    swapped[0] = [2, 1]
    wrong[3] = [1, 2]
    assert wrong_neighbours(points, table, table) == (0, 0)
    assert wrong_neighbours(points, swapped, table) == (2, 0)
    assert wrong_neighbours(points, wrong, table) == (1, 1)


def test_a_comparison_that_does_not_fit_in_memory_or_time_is_skipped_with_the_reason() -> None:
    case = cases(quick=True)[-1]
    facts = {"first": 3.0, "products": 1.0, "passes": 1e30}
    rows = [{"what": "12 metrics of 4 x 2,000 x 256", "skipped": "", "figure": 2.0, "facts": facts}]
    soon, late = (Job(True, time.time() + left, {"twelve": rows}) for left in (1, 1e30))
    assert unsuitable(case, late, 2**40) == ""
    assert "GiB of memory, and the device has 0" in unsuitable(case, late, 2**20)
    assert unsuitable(case, soon, None).startswith("would take about ")
    assert unsuitable(case, Job(True, time.time()), None) == ""


def test_the_expected_time_grows_with_what_grows_most_and_includes_compilation() -> None:
    case = cases(quick=True)[-1]
    products, passes = work(case.n, case.widths, case.metrics)
    facts = {"first": 3.0, "products": products / 10, "passes": passes}
    rows = [{"what": "12 metrics of 4 x 2,000 x 256", "skipped": "", "figure": 2.0, "facts": facts}]
    job = Job(True, time.time(), {"twelve": rows})
    assert expected(case, job) == pytest.approx(10 * 2 + 1)
    facts["passes"] = passes / 30
    assert expected(case, job) == pytest.approx(30 * 2 + 1)
    assert expected(case, Job(True, time.time())) is None


def test_torch_by_hand_gives_the_scores_of_the_engine() -> None:
    torch = pytest.importorskip("torch")
    from bench.accelerator.by_hand import BY_HAND
    from bench.inputs import models
    from bench.metrics import K
    from hyle.engine import compare

    inputs = models(400, (20, 30, 40))
    found = compare(dict(zip("abc", inputs, strict=True)), metrics=list(BY_HAND), k=K)
    for metric, function in BY_HAND.items():
        value = function([torch.from_numpy(x) for x in inputs]).numpy()
        assert value == pytest.approx(found[metric].values, abs=1e-4), metric


@pytest.mark.thorough
def test_three_stages_on_two_devices_of_a_cpu(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    words = [sys.executable, "-m", "bench.accelerator", "--quick", "--out", str(path)]
    words += ["--stage", "facts", "--stage", "correct", "--stage", "mesh"]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    variables = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(path.read_text())["stages"]
    assert {name: entry["state"] for name, entry in found.items()} == dict.fromkeys(
        ("facts", "correct", "mesh"), "done"
    )
    figures = {(name, row["what"]): row for name, entry in found.items() for row in entry["rows"]}
    assert figures["facts", "device"]["facts"]["devices"] == 2
    assert figures["facts", "products, float32"]["figure"] > 0
    bounded = [row for row in figures.values() if row["side"] == "most"]
    assert len(bounded) >= 10
    assert all(row["figure"] <= row["bound"] for row in bounded)
    assert figures["mesh", "mesh of 2 devices"]["ratio"] > 0
    assert figures["mesh", "no mesh"]["bound"] > 0
    assert done.stdout.count("| correct |") == len(found["correct"]["rows"])
    assert path.with_suffix(".md").read_text() in done.stdout
