"""Actors on two nodes of a Ray cluster, both on this machine: the result is that of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .model import alive, dataset, extract, lines, pids, wait_for

pytest.importorskip("ray", reason="ray is not installed: make .venv/ray installs it")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

# A separate process, because a driver of Ray keeps threads and a connection.
DRIVER = """
import sys
import threading
sys.path.insert(0, {root!r})
from pathlib import Path
import ray
from ray._private.internal_api import memory_summary
from ray.cluster_utils import Cluster
from hyle.zoo.fleet import RayCluster
from tests.zoo.fleet.model import dataset, extract, lines, wait_for

cluster = Cluster(initialize_head=True, head_node_args={{"num_cpus": 1, "include_dashboard": False}})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
if {connected}:
    ray.init(cluster.address, log_to_driver=False)

def kill(node):
    wait_for(lambda: any(node.node_id in line for line in lines("nodes")))
    cluster.remove_node(node, allow_graceful=False)

if {kill_node}:
    # Not the one that this process belongs to.
    (other,) = [node for node in cluster.list_all_nodes() if node.node_id != ray.get_runtime_context().get_node_id()]
    Path("hold").write_text(other.node_id)
    killing = threading.Thread(target=kill, args=(other,), daemon=True)
    killing.start()
try:
    with RayCluster(cluster.address, notify=lambda line: print(line, flush=True)) as fleet:
        extract(fleet, Path("fleet"), dataset({n}))
        print(memory_summary(stats_only=True).strip().splitlines()[-1])
    if {kill_node}:
        killing.join()
except Exception as error:
    print("failed", error)
finally:
    ray.shutdown()
    cluster.shutdown()
"""


@pytest.fixture
def serial(folder: Path) -> dict[Path, bytes]:
    got = extract(None, folder / "serial", dataset(300))
    for name in ("seen", "loaded", "threads"):
        Path(name).unlink()
    return got


def drive(folder: Path, *, kill_node: bool = False, n: int = 300) -> list[str]:
    code = DRIVER.format(root=str(Path(__file__).parents[3]), kill_node=kill_node, connected=kill_node, n=n)
    variables = os.environ | {"RAY_raylet_start_wait_time_s": "240", "RAY_DEDUP_LOGS": "0"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=folder, env=variables, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def written(root: Path) -> dict[Path, bytes]:
    (place,) = root.glob("*/*/*/*/representation")
    return {path.relative_to(root): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_two_nodes_give_the_result_of_one_process_without_the_object_store(
    folder: Path, serial: dict[Path, bytes]
) -> None:
    Path("meet").touch()
    said = drive(folder)
    assert any("0 objects" in line for line in said), said
    assert written(folder / "fleet") == serial
    assert len(pids("seen")) == 2
    assert not alive(pids("seen"))


def test_a_killed_actor_costs_the_shard_in_flight(folder: Path, serial: dict[Path, bytes]) -> None:
    data = dataset(300)
    Path("meet").touch()
    Path(f"kill-once-{data.ids[200]}").touch()
    said = drive(folder)
    assert any("a worker was lost (killed, or its node was)" in line for line in said), said
    assert written(folder / "fleet") == serial
    assert len({line.split()[0] for line in lines("seen") if data.ids[200] in line}) == 2


def test_a_killed_node_costs_the_shards_in_flight(folder: Path, serial: dict[Path, bytes]) -> None:
    Path("meet").touch()
    said = drive(folder, kill_node=True)
    assert any("a worker was lost (killed, or its node was)" in line for line in said), said
    assert written(folder / "fleet") == serial
    second = Path("hold").read_text()
    held = {i for line in lines("nodes") if second in line for i in line.split()[1:]}
    others = {i for line in lines("nodes") if second not in line for i in line.split()[1:]}
    assert held
    assert others == {sample for sample in dataset(300).ids if sample in others}
    assert held <= others


def test_a_shard_that_always_kills_its_actor_stops_the_run(folder: Path) -> None:
    data = dataset(40)
    Path(f"kill-always-{data.ids[3]}").touch()
    said = drive(folder, n=40)
    (line,) = [line for line in said if line.startswith("failed")]
    assert "3 workers were lost with the same 20 samples" in line
    assert data.ids[3] in line
    assert not alive(pids("seen"))


def test_an_error_in_an_actor_is_that_of_one_process(folder: Path) -> None:
    data = dataset(40)
    Path(f"raise-{data.ids[30]}").touch()
    hyle = [sys.executable, "-m", "hyle.cli", "embed", "mine:Mine", "-n", "40", "--store", "fleet"]
    done = subprocess.run([*hyle, "--ray", "local", "--workers", "2"], capture_output=True, text=True, timeout=400)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "ValueError: cannot be embedded (mine.py:" in line
    assert line.endswith("to see the traceback, set HYLE_DEBUG=1")
    assert "bug" not in done.stderr


def test_what_ray_says_about_a_killed_actor_is_not_among_the_results(folder: Path) -> None:
    Path(f"kill-once-{dataset(40).ids[30]}").touch()
    hyle = [sys.executable, "-m", "hyle.cli", "embed", "mine:Mine", "-n", "40", "--store", "fleet", "--json"]
    done = subprocess.run([*hyle, "--ray", "local", "--workers", "2"], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "a worker was lost" in done.stderr
    (made,) = json.loads(done.stdout)
    assert made["shape"] == [40 - len(made["dropped"]), 5]


def test_no_process_outlives_a_killed_driver_with_its_own_cluster(folder: Path) -> None:
    Path("wait").touch()
    Path("child").touch()
    hyle = [sys.executable, "-m", "hyle.cli", "embed", "mine:Mine", "-n", "40", "--store", "fleet"]
    driver = subprocess.Popen([*hyle, "--ray", "local", "--workers", "2"], stderr=subprocess.DEVNULL)
    everything: set[int] = set()
    try:
        wait_for(lambda: len(pids("seen")) == 2, 240)
        # Agents of Ray itself notice only within a minute.
        everything = {
            n for n in descendants(driver.pid) if b"agent" not in Path(f"/proc/{n}/cmdline").read_bytes().lower()
        }
        assert pids("seen") | pids("children") <= everything
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: not alive(everything), 60)


def descendants(parent: int) -> set[int]:
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found.union(*(descendants(child) for child in found))
