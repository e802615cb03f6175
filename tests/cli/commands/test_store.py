"""`hyle embed --shard` and `hyle store`."""

from __future__ import annotations

import fcntl
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hyle.zoo import Store
from hyle.zoo.store import find_unfinished

from ..conftest import Run

N = 500


def embed(store: Path, *arguments: object, model: str = "composition") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hyle.cli", "embed", model, "-n", str(N), "--store", str(store)]
    return subprocess.Popen([*command, *map(str, arguments)], stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors
    return errors


def content(root: Path, model: str = "composition") -> dict[str, bytes]:
    """The bytes of all files of the only representation of a model."""
    (folder,) = root.glob(f"{model}/*/*/*/representation")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def age(path: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    for each in [path, *path.rglob("*")]:
        os.utime(each, (then, then))


@pytest.mark.thorough
def test_overlapping_shards_at_once_give_the_result_of_one_process(tmp_path: Path) -> None:
    finish(embed(tmp_path / "one"))
    shards = ("1/2", "2/2", "1/3", "2/3", "3/3")
    finish(*(embed(tmp_path / "many", "--shard", shard) for shard in shards))
    assert content(tmp_path / "many") == content(tmp_path / "one")
    assert not list((tmp_path / "many").glob("*/*/*/*/shards"))
    (line,) = finish(embed(tmp_path / "many", "--shard", "1/2"))
    assert "from the store" in line


def test_the_job_script_of_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text("utf-8")
    script = page.split("```sh\n#!/bin/bash\n")[1].split("```")[0]
    for old, new in {"sevennet-0": "composition", "omat24/val": "qm9 -n 500", "cuda": "cpu", "/16": "/2"}.items():
        assert old in script
        script = script.replace(old, new)
    script = script.replace("/shared/store", str(tmp_path))
    for task in ("1", "2"):
        variables = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SLURM_ARRAY_TASK_ID": task,
        }
        done = subprocess.run(["bash", "-e"], input=script, env=variables, capture_output=True, text=True, check=True)
    assert "500 x 94" in done.stderr


def test_killed_shards_are_resumed(tmp_path: Path) -> None:
    rng = random.Random(0)
    finish(embed(tmp_path / "one", model="random"))
    for _ in range(4):
        killed = embed(tmp_path / "many", "--shard", "1/1", model="random")
        deadline = time.monotonic() + 60
        while killed.poll() is None and not list((tmp_path / "many").glob("*/*/*/*/shards/*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    finish(embed(tmp_path / "many", "--shard", "1/2", model="random"))
    finish(embed(tmp_path / "many", "--shard", "2/2", model="random"))
    assert content(tmp_path / "many", "random") == content(tmp_path / "one", "random")


def test_a_shard_says_what_is_missing_and_the_commands_that_bring_it(run: Run) -> None:
    first = run("embed", "composition", "-n", 300, "--shard", "3/4")
    assert first.code == 0
    assert "shard 3/4 is done; samples of the whole data set still missing: 225 of 300" in first.err
    commands = [line.strip() for line in first.err.splitlines() if line.startswith("  hyle embed")]
    assert commands == [f"hyle embed composition -n 300 --shard {i}/4" for i in (1, 2, 4)]
    second = run(*shlex.split(commands[0])[1:], "--json")
    (result,) = second.json
    assert (result["samples"], result["missing"], result["commands"]) == (300, 150, commands[1:])
    run(*shlex.split(commands[1])[1:])
    last = run(*shlex.split(commands[2])[1:], "--json")
    assert last.json[0]["shape"][0] == 300
    assert run("store", "status", "--json").json["unfinished"] == []


def test_shards_need_no_lock_of_the_file_system(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    alone = run("embed", "composition", "-n", 20)
    assert alone.code == 2
    assert "No locks available; `hyle embed --shard 1/1` needs no lock of the file system" in alone.err
    assert run("embed", "composition", "-n", 20, "--shard", "1/1").code == 0
    assert run("embed", "composition", "-n", 20).err.count("from the store") == 1


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none(run: Run, shard: str) -> None:
    done = run("embed", "composition", f"--shard={shard}")
    assert done.code == 2
    assert "is not i/n with 1 <= i <= n, such as 3/16" in done.err


def test_a_shard_has_no_output_of_its_own(run: Run) -> None:
    done = run("embed", "composition", "--shard", "1/2", "-o", "a.npz")
    assert done.code == 2
    assert "without --shard" in done.err


def test_status_and_merge(run: Run) -> None:
    run("embed", "composition", "-n", 40)
    run("embed", "random", "-n", 40, "--shard", "1/2")
    shown = run("store", "status").out
    assert "composition" in shown
    assert "40 x 94" in shown
    assert "20 of 40" in shown
    status = run("store", "status", "--json").json
    (stored,), (unfinished,) = status["stored"], status["unfinished"]
    assert (stored["model"], stored["shape"], stored["dtype"]) == ("composition", [40, 94], "float32")
    assert stored["bytes"] == sum(p.stat().st_size for p in Path(stored["folder"]).rglob("*") if p.is_file())
    assert (unfinished["model"], unfinished["done"], unfinished["missing"]) == ("random", 20, 20)

    lacking = run("store", "merge")
    assert lacking.code == 0
    command = "hyle embed random --dataset qm9 -n 40 --seed 0 --layer noise"
    assert f"20 of 40 samples are embedded; to embed the others: {command}" in lacking.err
    done = run(*shlex.split(command)[1:])
    assert "40 x 256" in done.err
    assert run("store", "merge", "--json").json == []


def test_merge_stores_what_is_complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from hyle.zoo.store import Extraction

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Extraction, "commit", killed)
        assert run("embed", "composition", "-n", 40, "--shard", "1/1").code == 130
    (unfinished,) = run("store", "status", "--json").json["unfinished"]
    assert unfinished["missing"] == 0
    assert "composition on qm9" in run("store", "merge").err
    assert run("store", "status", "--json").json["unfinished"] == []
    assert "from the store" in run("embed", "composition", "-n", 40).err


def test_verify_names_the_damage_and_the_command_that_repairs_it(run: Run, tmp_path: Path) -> None:
    run("embed", "composition", "random", "-n", 40)
    fine = run("store", "verify")
    assert (fine.code, fine.out) == (0, "folders read: 2; damaged: 0\n")
    before = content(tmp_path / "store", "random")
    (chunk,) = (tmp_path / "store").glob("random/*/*/*/representation/arrays/embedding/c/0/0")
    flip(chunk)
    damaged = run("store", "verify", "--json")
    assert damaged.code == 2
    (damage,) = damaged.json["damaged"]
    assert Path(damage["folder"]) == chunk.parents[4]
    shown = run("store", "verify")
    assert shown.code == 2
    assert damage["repair"] in shown.out
    remove, again = damage["repair"].split(" && ")
    subprocess.run(shlex.split(remove), check=True)
    assert run(*shlex.split(again)[1:]).code == 0
    assert run("store", "verify").code == 0
    assert content(tmp_path / "store", "random") == before


def test_the_repair_of_a_file_of_samples(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my molecules.csv").write_text("name,smiles\n" + "".join(f"m{n},{'C' * n}\n" for n in range(1, 9)))
    options = ("--dataset", "my molecules.csv", "--id-column", "name", "-n", 5, "--seed", 3)
    run("embed", "composition", *options)
    (about,) = (tmp_path / "store").rglob("representation/about/about.json")
    (array,) = (tmp_path / "store").rglob("representation/arrays/embedding/zarr.json")
    before = content(tmp_path / "store")
    array.unlink()
    (damage,) = run("store", "verify", "--json").json["damaged"]
    remove, again = damage["repair"].split(" && ")
    subprocess.run(shlex.split(remove), check=True)
    assert not about.exists()
    run(*shlex.split(again)[1:])
    assert content(tmp_path / "store") == before


def test_gc_removes_what_is_old_and_unfinished(run: Run, tmp_path: Path) -> None:
    run("embed", "composition", "-n", 40)
    run("embed", "random", "-n", 40, "--shard", "1/2")
    store = tmp_path / "store"
    before = content(store)
    assert run("store", "gc", "--json").json["removed"] == []
    age(store, 40)
    (extraction,) = store.glob("random/*/*/*/shards/*")
    listed = run("store", "gc", "--dry-run")
    assert f"would remove {extraction}" in listed.out
    assert extraction.is_dir()
    assert run("store", "gc", "--days", 50, "--json").json["removed"] == []
    (removed,) = run("store", "gc", "--json").json["removed"]
    assert removed["path"] == str(extraction)
    assert removed["bytes"] > 0
    assert not extraction.parent.exists()
    assert content(store) == before
    assert run("store", "gc").out == "removed 0 items, 0.0 MB\n"
    assert run("store", "gc", "--days", 0).code == 2


@pytest.mark.parametrize("shared", [True, False])
def test_gc_leaves_an_old_extraction_that_a_process_continues(run: Run, tmp_path: Path, shared: bool) -> None:
    run("embed", "random", "-n", 40, "--shard", "1/2")
    store = tmp_path / "store"
    age(store, 40)
    (found,) = find_unfinished(store)
    assert found.plan is not None
    plan = found.plan
    with Store(store).extraction(plan.key, plan.ids, plan.recipe, plan.groups, shared=shared) as extraction:
        assert len(extraction.finished) == len(found.finished) > 0
        assert run("store", "gc", "--json").json["removed"] == []
    run("embed", "random", "-n", 40, "--shard", "2/2")
    assert "40 x" in run("store", "status").out


def test_a_comparison_names_what_is_unfinished(run: Run) -> None:
    run("embed", "random", "-n", 40, "--shard", "1/2")
    ran = run("compare")
    assert ran.code == 2
    assert ran.err.endswith("has no embeddings; random is unfinished: see hyle store status\n")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def shard_of(store: Path) -> Path:
    (shard,) = (path for path in store.glob("*/*/*/*/shards/*/*") if path.is_dir())
    return shard


def test_commands_name_a_store_that_is_not_the_default(run: Run, tmp_path: Path) -> None:
    store = tmp_path / "my store"
    run("embed", "composition", "-n", 40, "--store", store)
    run("embed", "random", "-n", 40, "--shard", "1/2", "--store", store)
    option = f" --store {shlex.quote(str(store))}"
    (unfinished,) = run("store", "status", "--store", store, "--json").json["unfinished"]
    assert unfinished["command"].endswith(option)
    assert run("store", "merge", "--store", store).err.strip().endswith(unfinished["command"])
    (marker,) = store.glob("*/*/*/*/representation/commit_success.txt")
    marker.unlink()
    (damage,) = run("store", "verify", "--store", store, "--json").json["damaged"]
    assert damage["repair"].endswith(option)
    assert f"hyle store verify{option} says how" in run("store", "status", "--store", store).out
    remove, again = damage["repair"].split(" && ")
    subprocess.run(shlex.split(remove), check=True)
    assert "40 x 94" in run(*shlex.split(again)[1:]).err
    assert run("store", "verify", "--store", store).code == 0


@pytest.mark.parametrize("command", ["status", "verify", "merge", "gc"])
def test_a_store_that_does_not_exist_is_an_error_and_an_empty_one_is_not(
    run: Run, mistake: Callable[..., str], tmp_path: Path, command: str
) -> None:
    assert f"there is no store at {tmp_path / 'stroe'};" in mistake("store", command, "--store", tmp_path / "stroe")
    (tmp_path / "store").mkdir()
    empty = run("store", command)
    assert empty.code == 0
    assert command != "status" or "has no embeddings; to make some: hyle embed MODEL" in empty.out


@pytest.mark.parametrize("damage", ["metadata", "marker"])
def test_status_lists_the_sound_and_the_damaged(run: Run, tmp_path: Path, damage: str) -> None:
    run("embed", "composition", "random", "-n", 40)
    (folder,) = tmp_path.glob("store/random/*/*/*/representation")
    if damage == "metadata":
        (folder / "about" / "about.json").write_text('{"name": ')
    else:
        (folder / "commit_success.txt").unlink()
    shown = run("store", "status")
    assert shown.code == 0
    assert "40 x 94" in shown.out
    assert f"{folder} is damaged: hyle store verify says how to repair it" in shown.out
    status = run("store", "status", "--json").json
    assert [each["model"] for each in status["stored"]] == ["composition"]
    assert status["damaged"] == [str(folder)]
    assert run("store", "verify").code == 2


def test_a_damaged_shard_is_repaired_by_the_commands_of_the_error(run: Run, tmp_path: Path) -> None:
    run("embed", "composition", "-n", 40, "--shard", "1/2")
    shard = shard_of(tmp_path / "store")
    (chunk,) = shard.glob("arrays/embedding/c/0/0")
    flip(chunk)
    (damage,) = run("store", "verify", "--json").json["damaged"]
    assert damage["folder"] == str(shard)
    last = run("embed", "composition", "-n", 40, "--shard", "2/2")
    assert last.code == 2
    repair = f"rm -r {shlex.quote(str(shard))} && hyle embed composition -n 40 --shard 1/2"
    assert f"{shard} is damaged; to repair it: {repair}" in last.err
    merged = run("store", "merge")
    assert merged.code == 2
    assert f"to repair it: {damage['repair']}" in merged.err
    subprocess.run(shlex.split(repair.split(" && ")[0]), check=True)
    assert "40 x 94" in run(*shlex.split(repair.split(" && ")[1])[1:]).err


def test_a_shard_with_damaged_metadata_names_the_same_command(run: Run, tmp_path: Path) -> None:
    run("embed", "composition", "-n", 40, "--shard", "1/2")
    shard = shard_of(tmp_path / "store")
    flip(shard / "about" / "about.json")
    for shards in (["--shard", "2/2"], []):
        done = run("embed", "composition", "-n", 40, *shards)
        assert done.code == 2
        command = shlex.join(["hyle", "embed", "composition", "-n", "40", *shards])
        assert f"rm -r {shlex.quote(str(shard))} && {command}\n" in done.err


def test_a_shard_without_its_marker_is_found_and_written_again(run: Run, tmp_path: Path) -> None:
    run("embed", "composition", "-n", 40, "--shard", "1/2")
    shard = shard_of(tmp_path / "store")
    (shard / "commit_success.txt").unlink()
    (damage,) = run("store", "verify", "--json").json["damaged"]
    assert (damage["folder"], damage["problem"]) == (str(shard), "commit_success.txt is missing")
    run("embed", "composition", "-n", 40, "--shard", "1/2")
    assert run("store", "verify").code == 0
    assert "40 x 94" in run("embed", "composition", "-n", 40, "--shard", "2/2").err


def test_an_empty_shard_leaves_no_extraction(run: Run, tmp_path: Path) -> None:
    done = run("embed", "composition", "-n", 5, "--shard", "7/9", "--json")
    assert done.code == 0
    assert "shard 7/9 is empty, because the data set has only 5 samples" in done.err
    assert "the last process" not in done.err
    assert (done.json[0]["missing"], done.json[0]["commands"]) == (None, [])
    assert not list(tmp_path.glob("store/*/*/*/*/shards"))
    run("embed", "composition", "-n", 5)
    assert "5 x 94" in run("embed", "composition", "-n", 5, "--shard", "7/9").err
