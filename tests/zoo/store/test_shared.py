"""Several processes that extract one representation, killed at any moment: the result is that of one process."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hyle.zoo.store.checkpoint as checkpoint
import hyle.zoo.store.commit_lock as commit_lock
import hyle.zoo.store.plan as plan
from hyle.zoo import Store
from hyle.zoo.store import find_unfinished

from .old_format import identity, write_old_shard
from .stored import KEY, RECIPE, energies, rows

MANY = [f"s{i:03d}" for i in range(90)]
DROPPED = dict.fromkeys(MANY[7::30], "no fluorine")

# Waits for a line, so that it is killed while it writes and not while it imports.
WRITER = f"""
import sys
import tensorstore
sys.path.insert(0, {str(Path(__file__).parent)!r})
from stored import KEY, RECIPE, rows, energies
from hyle.zoo import Store

MANY, DROPPED = {MANY!r}, {DROPPED!r}
root, i, n, size = sys.argv[1], *map(int, sys.argv[2:5])
print("ready", flush=True)
sys.stdin.readline()
with Store(root).extraction(KEY, MANY, RECIPE, shared=n > 0, replace=False) as extraction:
    todo = MANY[i - 1 :: n] if n else MANY
    for first in range(0, len(todo), size):
        part = extraction.unfinished(todo[first : first + size])
        if part:
            ids = [i for i in part if i not in DROPPED]
            why = {{i: DROPPED[i] for i in part if i in DROPPED}}
            extraction.write_shard(ids, rows(ids) if ids else None, energies(ids) if ids else None, why)
    if not extraction.unfinished():
        extraction.commit()
"""


def start(root, i, n, size=3):
    command = [sys.executable, "-c", WRITER, str(root), *map(str, (i, n, size))]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def go(processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def finish(processes):
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors


def content(root):
    """The bytes of all files of the representation."""
    folder = root / KEY.folder / "representation"
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    one = [start(root, 0, 0, 128)]
    go(one)
    finish(one)
    got = Store(root).load(KEY)
    assert list(got.ids) == [i for i in MANY if i not in DROPPED]
    np.testing.assert_array_equal(got.embedding, rows(got.ids))
    return content(root)


def test_overlapping_shards_at_once_are_the_same_as_one_process(tmp_path, undisturbed):
    parts = [(1, 2), (2, 2), (1, 3), (2, 3), (3, 3), (2, 3)]
    writers = [start(tmp_path, *part) for part in parts]
    go(writers)
    finish(writers)
    assert content(tmp_path) == undisturbed
    assert [path.name for path in (tmp_path / KEY.folder).iterdir()] == ["representation"]
    assert list(find_unfinished(tmp_path)) == []


def test_one_process_without_shards_and_others_with_shards(tmp_path, undisturbed):
    writers = [start(tmp_path, 0, 0), start(tmp_path, 1, 2), start(tmp_path, 2, 2)]
    go(writers)
    finish(writers)
    assert content(tmp_path) == undisturbed


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_processes_killed_at_random_moments_again_and_again(tmp_path, undisturbed, seed):
    rng = random.Random(seed)
    for _ in range(6):
        writers = [start(tmp_path, i, 2, 2) for i in (1, 2)]
        go(writers)
        for process in writers:
            time.sleep(rng.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        if (tmp_path / KEY.folder / "representation").is_dir():
            break
        for each in find_unfinished(tmp_path):
            assert each.plan is None or len(each.finished) + len(each.missing) == len(MANY)
    for i in (1, 2):
        last = [start(tmp_path, i, 2)]
        go(last)
        finish(last)
    assert content(tmp_path) == undisturbed


@pytest.mark.parametrize(
    "delay", [0.02, *(pytest.param(delay, marks=pytest.mark.thorough) for delay in (0.0, 0.05, 0.1))]
)
def test_the_commit_is_killed_and_another_process_commits(tmp_path, undisturbed, delay):
    store = Store(tmp_path)
    with store.extraction(KEY, MANY, RECIPE, shared=True) as extraction:
        ids = [i for i in MANY if i not in DROPPED]
        extraction.write_shard(ids, rows(ids), energies(ids), DROPPED)
    killed = [start(tmp_path, 1, 1)]
    go(killed)
    time.sleep(delay)
    killed[0].send_signal(signal.SIGKILL)
    killed[0].communicate()
    others = [start(tmp_path, 1, 2), start(tmp_path, 2, 2)]
    go(others)
    finish(others)
    assert content(tmp_path) == undisturbed


def test_the_same_samples_give_one_shard_and_the_first_stays(tmp_path):
    store = Store(tmp_path)
    one, two = (store.extraction(KEY, MANY, RECIPE, shared=True) for _ in range(2))
    one.write_shard(MANY[:5], rows(MANY[:5]))
    two.write_shard(MANY[4::-1], rows(MANY[4::-1]) + 1)
    shards = list((tmp_path / KEY.folder / "shards").glob("*/*/commit_success.txt"))
    assert len(shards) == 1
    assert two.unfinished() == MANY[5:]
    one.write_shard(MANY[5:], rows(MANY[5:]))
    got = two.commit()
    np.testing.assert_array_equal(got.embedding, rows(MANY))


def test_samples_in_two_shards_are_stored_once_and_from_the_first_by_name(tmp_path):
    found = []
    for turn in (1, -1):
        store = Store(tmp_path / str(turn))
        writers = [(MANY[:60], 0.0), (MANY[30:], 1.0)]
        opened = [store.extraction(KEY, MANY, RECIPE, shared=True) for _ in writers]
        for extraction, (ids, shift) in list(zip(opened, writers, strict=True))[::turn]:
            extraction.write_shard(ids, rows(ids) + np.float32(shift))
        found.append(opened[0].commit())
        assert list(found[-1].ids) == MANY
        assert list(opened[1].commit().ids) == MANY
    np.testing.assert_array_equal(found[0].embedding, found[1].embedding)


def test_widths_that_differ_between_processes_are_an_error(tmp_path):
    store = Store(tmp_path)
    one, two = (store.extraction(KEY, MANY, RECIPE, shared=True) for _ in range(2))
    one.write_shard(MANY[:50], rows(MANY[:50]))
    two.write_shard(MANY[50:], rows(MANY[50:], d=5))
    with pytest.raises(ValueError, match="but other shards have"):
        one.commit()
    assert store.load(KEY) is None


def test_a_folder_of_the_earlier_format_is_resumed(tmp_path, undisturbed):
    old = tmp_path / KEY.folder / "shards" / identity(RECIPE, MANY)
    old.mkdir(parents=True)
    kept = [i for i in MANY if i not in DROPPED]
    for number, ids in enumerate((kept[:20], kept[20:45])):
        write_old_shard(old, number, ids, rows(ids), energies(ids))
    (found,) = find_unfinished(tmp_path)
    assert (found.model, found.dataset, found.plan, len(found.finished)) == ("m", "qm9-0123", None, 45)
    with Store(tmp_path).extraction(KEY, MANY, RECIPE) as extraction:
        assert extraction.finished == set(kept[:45])
        extraction.write_shard(kept[45:], rows(kept[45:]), energies(kept[45:]), DROPPED)
        extraction.commit()
    assert content(tmp_path) == undisturbed


def test_arrays_of_several_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHUNK_BYTES", 7 * 16)
    with Store(tmp_path).extraction(KEY, MANY, RECIPE) as extraction:
        extraction.write_shard(MANY, rows(MANY), energies(MANY))
        extraction.commit()
    folder = tmp_path / KEY.folder / "representation" / "arrays"
    assert len(list((folder / "embedding" / "c").rglob("0"))) > 12
    got = Store(tmp_path).load(KEY)
    np.testing.assert_array_equal(got.embedding, rows(MANY))
    np.testing.assert_array_equal(got.energies, energies(MANY))
    orbax = pytest.importorskip("orbax.checkpoint")
    np.testing.assert_array_equal(orbax.PyTreeCheckpointer().restore(folder)["embedding"], rows(MANY))


MERGE = f"""
import resource
import numpy as np
import tensorstore
from hyle.zoo import Key, Store
store = Store({{root!r}})
ids = [str(i) for i in range(40_000)]
with store.extraction(Key{(*vars(KEY).values(),)!r}, ids, {{{{}}}}, shared=True) as extraction:
    for first in range(0, len(ids), 2000):
        extraction.write_shard(ids[first:first + 2000], np.random.default_rng(first).random((2000, 1024), np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    matrix = extraction.commit().embedding
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / matrix.nbytes)
"""


def test_the_merge_holds_the_matrix_once(tmp_path):
    code = MERGE.format(root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.6  # 160 MB, and what TensorStore buffers


NO_LOCKS = """
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
int flock(int file, int operation) { errno = ENOLCK; return -1; }
static int without_locks(int file, int command, void *argument) {
  if (command == F_SETLK || command == F_SETLKW || command == 37 || command == 38) { errno = ENOLCK; return -1; }
  return syscall(SYS_fcntl, file, command, argument);
}
int fcntl(int file, int command, ...) {
  va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest);
  return without_locks(file, command, argument);
}
int fcntl64(int file, int command, ...) {
  va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest);
  return without_locks(file, command, argument);
}
"""


@pytest.mark.skipif(not (shutil.which("cc") and sys.platform == "linux"), reason="needs a C compiler and Linux")
def test_a_file_system_without_locks(tmp_path, undisturbed):
    source, library = tmp_path / "locks.c", tmp_path / "locks.so"
    source.write_text(NO_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    variables = os.environ | {"LD_PRELOAD": str(library)}

    def writer(i, n):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "store"), str(i), str(n), "3"]
        return subprocess.run(command, input="\n", env=variables, capture_output=True, text=True, check=False)

    alone = writer(0, 0)
    assert "OutputError: cannot lock" in alone.stderr
    assert "`hyle embed --shard 1/1` needs no lock" in alone.stderr
    for i in (1, 2):
        done = writer(i, 2)
        assert done.returncode == 0, done.stderr
    assert content(tmp_path / "store") == undisturbed


def hold(path, **holder):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "time": "", **holder}))


def test_the_lock_of_a_dead_process_is_taken_over_at_once(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    hold(tmp_path / ".commit", pid=dead.pid)
    with commit_lock.commit_lock(tmp_path / ".commit"):
        holder = json.loads((tmp_path / ".commit").read_text())
        assert (holder["host"], holder["pid"]) == (socket.gethostname(), os.getpid())
        assert holder["time"].endswith("Z")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    done = []
    with commit_lock.commit_lock(tmp_path / ".commit"):
        assert json.loads((tmp_path / ".commit").read_text())["pid"] == os.getpid()
        with commit_lock.commit_lock(tmp_path / ".commit", lambda: done.append(1) or True):
            assert done
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [None, "", '{"host": '])
def test_the_lock_of_another_host_is_taken_over_when_nothing_touches_it(tmp_path, monkeypatch, text):
    monkeypatch.setattr(commit_lock, "STALE", 0.5)
    path = tmp_path / ".commit"
    hold(path, host="elsewhere")
    if text is not None:
        path.write_text(text)
    begin = time.monotonic()
    alive = threading.Thread(target=lambda: [(time.sleep(0.2), os.utime(path)) for _ in range(5)])
    alive.start()
    with commit_lock.commit_lock(path):
        assert 1.2 < time.monotonic() - begin < 5
    alive.join()


def test_a_concurrent_commit_is_waited_for(tmp_path):
    store = Store(tmp_path)
    extraction = store.extraction(KEY, MANY, RECIPE, shared=True)
    extraction.write_shard(MANY, rows(MANY))
    hold(tmp_path / KEY.folder / ".commit", host="elsewhere")
    got = []
    waiting = threading.Thread(target=lambda: got.append(extraction.commit()))
    waiting.start()
    time.sleep(0.5)
    assert not got
    made = Store(tmp_path / "other")
    other = made.extraction(KEY, MANY, RECIPE, shared=True)
    other.write_shard(MANY, rows(MANY))
    other.commit()
    shutil.copytree(tmp_path / "other" / KEY.folder / "representation", tmp_path / KEY.folder / "representation")
    waiting.join(10)
    np.testing.assert_array_equal(got[0].embedding, rows(MANY))
    assert not (tmp_path / KEY.folder / "shards").exists()


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_plan_whose_time_cannot_be_noted_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """In the folder of a group, files belong to who wrote them; and another process may have removed it."""
    chosen = plan.Plan(KEY, MANY, RECIPE, {})
    plan.write_plan(tmp_path, chosen)
    os.utime(tmp_path / plan.PLAN, (1e9, 1e9))

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(plan.os, "utime", refuse)
    plan.write_plan(tmp_path, chosen)
    assert (tmp_path / plan.PLAN).stat().st_mtime > 1e9
    assert plan.read_plan(tmp_path) == chosen
    monkeypatch.setattr(Path, "replace", refuse)  # as in a folder in which nobody replaces the files of others
    if error is PermissionError:
        plan.write_plan(tmp_path, chosen)
        assert [path.name for path in tmp_path.iterdir()] == [plan.PLAN]
        with pytest.raises(PermissionError):
            plan.write_plan(tmp_path, replace(chosen, groups={"kind": {}}))
