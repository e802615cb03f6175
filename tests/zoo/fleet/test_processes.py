"""Processes that share an extraction: the result is that of one process, whichever of them are killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hyle.zoo import Dataset, HyleError, InputError, OperationError
from hyle.zoo.fleet import Here, Job, Processes, workers
from hyle.zoo.store import find_unfinished

from .model import alive, dataset, extract, job_of, lines, pids, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
KILLED = "killed by SIGKILL, perhaps because memory ran out"


def test_the_result_is_that_of_one_process_to_the_bit(folder: Path) -> None:
    data = dataset()
    serial = extract(None, folder / "serial", data)
    assert pids("seen") == {os.getpid()}
    for name in ("seen", "threads", "loaded"):
        Path(name).unlink()
    Path("meet").touch()
    with Processes(2) as fleet:
        assert extract(fleet, folder / "fleet", data) == serial
    assert len(pids("seen")) == 2
    assert os.getpid() not in pids("seen")
    assert not alive(pids("seen"))
    # Both have their share of the cores.
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert {int(line) for line in lines("threads")} <= set(range(1, share + 1))


def test_the_model_is_loaded_once_for_all_its_layers(folder: Path) -> None:
    data = dataset(20)
    Path("meet").touch()
    with Processes(2) as fleet:
        made = [extract(fleet, folder / "fleet", data, layer) for layer in ("letters", "length")]
    assert len(lines("loaded")) == len(pids("seen")) == 2
    assert made == [extract(None, folder / "serial", data, layer) for layer in ("letters", "length")]


def test_a_killed_worker_costs_the_shard_in_flight(folder: Path) -> None:
    data, said = dataset(), []
    serial = extract(None, folder / "serial", data)
    for name in ("seen", "loaded"):
        Path(name).unlink()
    Path("meet").touch()
    victim = data.ids[50]
    Path(f"kill-once-{victim}").touch()
    with Processes(2, notify=said.append) as fleet:
        assert extract(fleet, folder / "fleet", data) == serial
    (line,) = said
    assert line == f"  mine:Mine: a worker was lost ({KILLED}); its 45 samples, {data.ids[45]} to {data.ids[-1]}, " + (
        "will go to another"
    )
    assert len({line.split()[0] for line in lines("seen") if victim in line}) == 2
    # No other sample was embedded twice than those of that shard.
    seen = [i for line in lines("seen") for i in line.split()[1:]]
    assert {i for i in seen if seen.count(i) > 1} <= set(data.ids[45:])


def test_a_shard_that_always_kills_its_worker_stops_the_run_and_the_rest_is_kept(folder: Path) -> None:
    data = dataset()
    Path(f"kill-always-{data.ids[3]}").touch()
    with pytest.raises(OperationError) as caught, Processes(3) as fleet:
        extract(fleet, folder / "fleet", data)
    message = str(caught.value)
    assert message.startswith(f"mine:Mine: 3 workers were lost with the same 30 samples (at last {KILLED}): ")
    assert f": {data.ids[0]}, {data.ids[1]}, " in message
    assert "and 10 more" in message
    assert message.endswith("; embeddings so far are stored, and the same command continues")
    assert not alive(pids("seen"))
    (found,) = find_unfinished(folder / "fleet")
    assert set(found.missing) == set(data.ids[:30])
    Path(f"kill-always-{data.ids[3]}").unlink()
    Path("seen").unlink()
    with Processes(2) as fleet:
        assert extract(fleet, folder / "fleet", data) == extract(None, folder / "serial", data)
    by_workers = [i for line in lines("seen") if int(line.split()[0]) != os.getpid() for i in line.split()[1:]]
    assert set(by_workers) <= set(data.ids[:30])


def test_a_model_that_kills_workers_while_it_is_loaded_stops_the_run(folder: Path) -> None:
    Path("die-loading").touch()
    with (
        pytest.raises(OperationError, match=r"started 3 times and was lost each time before it had"),
        Processes(2) as fleet,
    ):
        extract(fleet, folder / "fleet", dataset())
    assert not alive(pids("loaded"))


def test_an_error_of_the_model_stops_the_run_at_once_and_names_its_line(folder: Path) -> None:
    data = dataset()
    Path(f"raise-{data.ids[70]}").touch()
    with pytest.raises(HyleError) as caught, Processes(2) as fleet:
        extract(fleet, folder / "fleet", data)
    assert str(caught.value).startswith("ValueError: cannot be embedded (mine.py:")
    assert 'raise ValueError("cannot be embedded")' in str(caught.value.__cause__)
    seen = [line for line in lines("seen") if data.ids[70] in line]
    assert len(seen) == 1
    assert not alive(pids("seen"))


def test_samples_that_are_stored_are_not_embedded_again(folder: Path) -> None:
    data = dataset()
    Path(f"raise-{data.ids[-1]}").touch()
    with pytest.raises(HyleError, match="cannot be embedded"), Processes(1) as fleet:
        extract(fleet, folder / "fleet", data)
    Path(f"raise-{data.ids[-1]}").unlink()
    with Processes(3) as fleet:
        got = extract(fleet, folder / "fleet", data)
    assert got == extract(None, folder / "serial", data)


def run(job: Job, data: Dataset, root: Path) -> None:
    with Processes(2) as fleet:
        fleet.run(job, replace(job, store=str(root)).extractions(), data.samples, lambda done, stage: None)


def test_a_worker_with_other_packages_or_weights_stops_the_run(folder: Path) -> None:
    data = dataset(20)
    job = job_of(folder / "fleet", data)
    host = socket.gethostname()
    (part,) = job.parts
    other = replace(job, parts=[replace(part, recipe={**part.recipe, "versions": {"torch": "1.0"}})])
    with pytest.raises(InputError, match=f"mine:Mine is not the same on {host}: torch is absent there and 1.0 here"):
        run(other, data, folder / "fleet")
    other = replace(job, parts=[replace(part, recipe={**part.recipe, "weights": "0123"})])
    with pytest.raises(
        InputError, match=f"not the same on {host}: weights is {part.recipe['weights']} there and 0123 "
    ):
        run(other, data, folder / "fleet")
    assert not pids("loaded")


def test_a_store_that_the_workers_do_not_share_stops_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "VISIBLE", 0.5)
    data = dataset(20)
    message = f"what {socket.gethostname()} has written to the store {folder / 'there'} is not in the store here"
    with pytest.raises(InputError, match=message):
        run(job_of(folder / "there", data), data, folder / "here")
    assert not alive(pids("seen"))


def test_samples_that_cannot_be_sent_are_named(folder: Path) -> None:
    data = dataset(4)
    samples = [replace(sample, text=threading.Lock()) for sample in data]
    job = job_of(folder / "fleet", data)
    with pytest.raises(InputError, match=f"{data.ids[0]}' to '{data.ids[1]}' cannot be sent"):
        run(job, replace(data, samples=samples), folder / "fleet")
    assert not alive(pids("loaded"))


@pytest.mark.models
@pytest.mark.thorough
def test_workers_run_a_model_in_its_own_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYLE_CACHE", str(folder / "cache"))
    code = (folder / "mine.py").read_text()
    # A version that is not installed here.
    (folder / "mine.py").write_text(
        code.replace("    view, layers", '    requirements = ("six==1.16.0",)\n    view, layers')
    )
    data = dataset(20)
    serial = extract(Here(), folder / "serial", data)
    before = pids("seen")
    assert os.getpid() not in before
    for name in ("seen", "loaded"):
        Path(name).unlink()
    Path("meet").touch()
    with Processes(2) as fleet:
        assert extract(fleet, folder / "fleet", data) == serial
        assert len(alive(pids("seen"))) == 2
    assert not alive(pids("seen"))


PARENT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from hyle.zoo.fleet import Here, Processes
from tests.zoo.fleet.model import dataset, extract
with Processes(2) as fleet:
    extract(fleet, Path("fleet"), dataset())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_no_process_outlives_a_killed_parent(folder: Path, number: signal.Signals) -> None:
    Path("wait").touch()
    Path("child").touch()
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(root=str(Path(__file__).parents[3]))])
    try:
        wait_for(lambda: len(pids("seen")) == 2)
        everything = pids("seen") | pids("children")
        assert len(alive(everything)) == 4
    finally:
        parent.send_signal(number)
        parent.wait()
    wait_for(lambda: not alive(everything), 20)
    assert not list(Path("fleet").rglob(".writing*"))


def test_a_fleet_that_is_closed_leaves_no_process(folder: Path) -> None:
    Path("child").touch()
    Path("meet").touch()
    with Processes(2) as fleet:
        extract(fleet, folder / "fleet", dataset())
        everything = pids("seen") | pids("children")
        assert len(alive(everything)) == 4
    assert not alive(everything)
