"""Killed processes, concurrent processes and damage: a store returns complete representations or none."""

import random
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import HyleError, Store
from hyle.zoo.store.key import Key

from .stored import IDS, KEY, RECIPE, energies, representation, rows


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


CHILD = """
import os, signal, sys
import numpy as np
sys.path.insert(0, {tests!r})
from stored import IDS, KEY, RECIPE, rows, energies
from hyle.zoo import HyleError, Store

with Store({root!r}).extraction(KEY, IDS, RECIPE) as extraction:
    for start in (0, 6):
        ids = IDS[start:start + 6]
        extraction.write_shard(ids, rows(ids), energies(ids))
    {die}
    ids = IDS[12:]
    extraction.write_shard(ids, rows(ids), energies(ids))
    extraction.commit()
"""

AT_ONCE = "os.kill(os.getpid(), signal.SIGKILL)"
KILL = "lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)"
# The shard is complete, but not yet renamed.
AT_RENAME = f"""
    import hyle.zoo.store.shards as e
    e.move = {KILL}
"""
LAST_SHARD = """
    ids = IDS[12:]
    extraction.write_shard(ids, rows(ids), energies(ids))
"""
# All shards exist, and the merged representation is partially written.
IN_COMMIT = f"""{LAST_SHARD}
    import hyle.zoo.store.checkpoint as c
    c._orbax_metadata = {KILL}
    extraction.commit()
"""
# The merged representation is written, but not yet moved to its final path.
BEFORE_PLACE = f"""{LAST_SHARD}
    import hyle.zoo.store.place as p
    p.move = {KILL}
    extraction.commit()
"""
# The merged representation is stored, but the shards are still there.
AFTER_PLACE = f"""{LAST_SHARD}
    import hyle.zoo.store.place as p
    p.Place.remove_shards = {KILL}
    extraction.commit()
"""


@pytest.mark.parametrize(
    ("die", "done"),
    [
        (AT_ONCE, 12),
        (AT_RENAME, 12),
        (IN_COMMIT, 20),
        (BEFORE_PLACE, 20),
    ],
)
def test_an_extraction_resumes_after_sigkill(store, die, done):
    code = CHILD.format(tests=str(Path(__file__).parent), root=str(store.root), die=die.strip())
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    left_over = [path for name in (".writing-*", "incoming-*", ".commit") for path in store.root.rglob(name)]
    assert bool(left_over) == (die != AT_ONCE)
    assert store.load(KEY) is None
    assert list(store.find()) == []
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        assert extraction.finished == set(IDS[:done])
        left = IDS[done:]
        if left:
            extraction.write_shard(left, rows(left), energies(left))
        extraction.commit()
    assert sorted(path.name for path in (store.root / KEY.folder).iterdir()) == [".lock", "representation"]
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))
    np.testing.assert_array_equal(store.load(KEY).energies, energies(IDS))


def test_shards_that_a_killed_process_left_are_not_needed(store):
    code = CHILD.format(tests=str(Path(__file__).parent), root=str(store.root), die=AFTER_PLACE.strip())
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))
    with store.extraction(KEY, IDS, RECIPE, shared=True) as extraction:
        assert extraction.committed
        assert extraction.unfinished() == []
        assert list(extraction.commit().ids) == IDS
    assert sorted(path.name for path in (store.root / KEY.folder).iterdir()) == [".lock", "representation"]


@pytest.mark.parametrize("shared", [False, True])
def test_a_representation_that_another_process_has_just_stored_is_taken(store, shared):
    store.save(KEY, representation())
    with store.extraction(KEY, IDS, RECIPE, shared=shared, replace=False) as extraction:
        assert extraction.unfinished() == []
        np.testing.assert_array_equal(extraction.commit().embedding, rows(IDS))
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        assert extraction.unfinished() == IDS
        extraction.write_shard(IDS, -rows(IDS))
        extraction.commit()
    np.testing.assert_array_equal(store.load(KEY).embedding, -rows(IDS))


def test_a_replacement_that_was_killed_is_completed(store):
    """Between the two renames there is no representation; the next start moves the new one into place."""
    store.save(KEY, representation(energies=None))
    folder = store.root / KEY.folder
    shutil.copytree(folder / "representation", folder / "incoming")
    (folder / "representation").rename(folder / "old")
    with store.extraction(KEY, IDS, RECIPE):
        pass
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))
    assert not (folder / "old").exists()
    assert not (folder / "incoming").exists()


def test_a_folder_without_its_marker_is_not_read(store):
    path = store.save(KEY, representation())
    (path / "commit_success.txt").unlink()
    assert store.load(KEY) is None
    assert list(store.list()) == []


@pytest.mark.parametrize("damage", ["chunk gone", "chunk changed", "no metadata", "no json", "half json"])
def test_damage_is_detected(store, damage):
    path = store.save(KEY, representation())
    chunk = next(p for p in (path / "arrays" / "embedding" / "c").rglob("*") if p.is_file())
    if damage == "chunk gone":
        chunk.unlink()
    elif damage == "chunk changed":
        other = store.save(Key("other", "w", "d", "l", "p"), representation(embedding=-rows(IDS)))
        shutil.copy(other / chunk.relative_to(path), chunk)
    elif damage == "no metadata":
        (path / "arrays" / "embedding" / "zarr.json").unlink()
    elif damage == "no json":
        (path / "about" / "about.json").unlink()
    else:
        (path / "about" / "about.json").write_text('{"name": ')
    with pytest.raises(ValueError, match="is damaged: remove it and embed again"):
        store.load(KEY)


@pytest.mark.parametrize("shards", [False, True])
def test_flipped_and_cut_bytes_are_noticed(store, shards):
    """Whatever is damaged, what is read is what was written or an error in one line."""
    want = representation()
    if shards:
        with store.extraction(KEY, IDS, RECIPE) as extraction:
            extraction.write_shard(IDS[:12], rows(IDS[:12]), energies(IDS[:12]))
        folder = store.root / KEY.folder / "shards"
    else:
        folder = store.save(KEY, want)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    rng = random.Random(0)
    for attempt in range(120):
        path = rng.choice(files)
        content = path.read_bytes()
        damaged = bytearray(content)
        if attempt % 3:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        message = problem(store, shards)
        assert "\n" not in message
        assert not message or "damaged" in message or "written" in message
        path.write_bytes(content)


def problem(store, shards):
    """Read, or resume and finish; return the error on purpose, or "" where the result is right."""
    try:
        if shards:
            copy = Store(store.root.with_name("copy"))
            shutil.copytree(store.root, copy.root, dirs_exist_ok=False)
            with copy.extraction(KEY, IDS, RECIPE) as extraction:
                rest = [i for i in IDS if i not in extraction.finished]
                extraction.write_shard(rest, rows(rest), energies(rest))
                got = extraction.commit()
        else:
            got = store.load(KEY)
    except HyleError as error:
        return str(error)
    finally:
        shutil.rmtree(store.root.with_name("copy"), ignore_errors=True)
    if got is not None:  # without its marker, a folder is not there
        assert list(got.ids) == IDS
        np.testing.assert_array_equal(got.embedding, rows(IDS))
        np.testing.assert_array_equal(got.energies, energies(IDS))
        assert shards or got.recipe == RECIPE
    return ""


def test_only_one_process_extracts_at_a_time(store):
    code = textwrap.dedent(f"""
        import sys, time
        from hyle.zoo import HyleError, Store
        from hyle.zoo import Key
        with Store({str(store.root)!r}).extraction(Key{(*vars(KEY).values(),)!r}, {IDS!r}, {RECIPE!r}):
            print("in", flush=True)
            sys.stdin.read()
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "in\n"
        message = f"process {child.pid} is extracting m on qm9-0123 .* wait until it finishes"
        with pytest.raises(RuntimeError, match=message):
            store.extraction(KEY, IDS, RECIPE)
        with pytest.raises(RuntimeError, match=message):
            store.save(KEY, representation())
        store.extraction(Key("n", "w", "d", "l", "p"), IDS, RECIPE).close()
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    store.extraction(KEY, IDS, RECIPE).close()


def test_the_lock_is_free_after_an_error(store):
    with pytest.raises(ZeroDivisionError), store.extraction(KEY, IDS, RECIPE):
        raise ZeroDivisionError
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS, rows(IDS))
        extraction.commit()
        store.save(KEY, representation())
    store.save(KEY, representation())
