"""Representations in an object store: the same files as in a folder, and the same results."""

import asyncio
import pickle
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import hyle.zoo.store.checkpoint as checkpoint
from hyle.zoo import HyleError, InputError, Store
from hyle.zoo.store import (
    Key,
    count_folders,
    find_damage,
    find_leftovers,
    find_stored,
    find_unfinished,
    remove_leftover,
    size_of,
)

from ..stored import IDS, KEY, RECIPE, energies, representation, rows
from .conftest import MANIFEST, objects, put


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_round_trip(store, dtype):
    want = representation(embedding=rows(IDS, dtype=dtype), groups={"kind": list("ab" * 10)})
    assert not store.exists()
    assert store.load(KEY) is None
    store.save(KEY, want)
    got = store.load(KEY)
    assert got.embedding.dtype == dtype
    assert got.embedding.tobytes() == want.embedding.tobytes()
    assert list(got.ids) == IDS
    assert got.energies.dtype == np.float64
    assert got.energies.tobytes() == want.energies.tobytes()
    assert (got.name, got.recipe, got.dropped, got.groups) == ("m", RECIPE, {"x": "why"}, want.groups)
    assert store.exists()


def test_the_data_are_the_files_of_a_folder(store, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHUNK_BYTES", 7 * 16)
    folder = Store(tmp_path).save(KEY, representation())
    address = store.save(KEY, representation())
    prefix = f"{str(address).removeprefix('s3://bucket/')}/"
    here = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    there = {name.removeprefix(prefix): content for name, content in objects().items() if name.startswith(prefix)}
    assert len([name for name in here if "/embedding/c/" in name]) == 3
    assert there == here
    for name, content in there.items():
        path = tmp_path / "copy" / KEY.folder / "representation" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert Store(tmp_path / "copy").load(KEY).embedding.tobytes() == rows(IDS).tobytes()


def test_saving_replaces_the_old_representation_and_removes_its_data(store):
    first = store.save(KEY, representation())
    second = store.save(KEY, representation(embedding=rows(IDS, d=7), energies=None, dropped={}))
    got = store.load(KEY)
    assert (got.embedding.shape, got.energies) == ((20, 7), None)
    assert (size_of(first), size_of(second) > 0) == (0, True)
    assert not list(find_leftovers(store.root))


def test_a_manifest_that_is_damaged_is_replaced(store):
    store.save(KEY, representation())
    put(MANIFEST, b'{"name": ')
    with pytest.raises(HyleError, match=r"s3://bucket/some/where/representations/.*\.json is damaged"):
        store.load(KEY)
    assert find_stored(store.root)[0] == []
    store.save(KEY, representation())
    assert store.load(KEY).embedding.tobytes() == rows(IDS).tobytes()


def test_shards_in_any_order_are_merged_in_the_order_of_the_data_set(store):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        for ids in (IDS[15:], IDS[3:15]):
            extraction.write_shard(ids, rows(ids), energies(ids))
        extraction.write_shard(IDS[1:3], rows(IDS[1:3]), energies(IDS[1:3]))
        assert extraction.unfinished() == IDS[:1]
        with pytest.raises(InputError, match="already finished"):
            extraction.write_shard(IDS[1:3], rows(IDS[1:3]))
    with store.extraction(KEY, IDS, RECIPE, shared=True) as extraction:
        assert extraction.finished == set(IDS[1:])
        extraction.write_shard([], None, dropped={"s000": "no fluorine"})
        assert store.load(KEY) is None
        assert list(store.list()) == []
        made = extraction.commit()
    for got in (made, store.load(KEY)):
        assert list(got.ids) == IDS[1:]
        np.testing.assert_array_equal(got.embedding, rows(IDS[1:]))
        np.testing.assert_array_equal(got.energies, energies(IDS[1:]))
        assert (got.dropped, got.recipe) == ({"s000": "no fluorine"}, RECIPE)
    assert not [name for name in objects() if "/shards/" in name]
    assert not list(find_leftovers(store.root))


def test_an_extraction_that_replaces_and_one_that_does_not(store):
    store.save(KEY, representation())
    with store.extraction(KEY, IDS, RECIPE, shared=True) as extraction:
        assert extraction.committed
        assert extraction.unfinished() == []
        np.testing.assert_array_equal(extraction.commit().embedding, rows(IDS))
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        assert extraction.unfinished() == IDS
        extraction.write_shard(IDS, -rows(IDS))
        extraction.commit()
    np.testing.assert_array_equal(store.load(KEY).embedding, -rows(IDS))


def test_of_two_that_replace_the_same_representation_one_is_kept(store):
    store.save(KEY, representation())
    one, two = (store.extraction(KEY, IDS, RECIPE) for _ in range(2))
    one.write_shard(IDS[:9], 2 * rows(IDS[:9]))
    two.write_shard(IDS[9:], 3 * rows(IDS[9:]))
    assert one.unfinished() == []
    found = [one.commit().embedding, two.commit().embedding, store.load(KEY).embedding]
    np.testing.assert_array_equal(found[0], np.concatenate([2 * rows(IDS[:9]), 3 * rows(IDS[9:])]))
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()
    assert not list(find_leftovers(store.root))


def test_what_is_replaced_and_then_removed_is_stored(store):
    store.save(KEY, representation())
    extraction = store.extraction(KEY, IDS, RECIPE)
    extraction.write_shard(IDS, 2 * rows(IDS))
    objects(remove=True, prefix=MANIFEST)
    extraction.commit()
    np.testing.assert_array_equal(store.load(KEY).embedding, 2 * rows(IDS))


def test_find(store, server):
    for model in ("a", "b/c"):
        for dataset in ("qm9-1", "qm9-2"):
            store.save(Key(model, "w", dataset, "l-1", "p"), representation())
    server.requests.clear()
    assert len(store.list()) == 4
    assert len(server.requests) == 5  # one list, and one manifest for each
    (entry,) = store.find(model="b/c", dataset="qm9-2")
    assert (entry.key.model, entry.key.layer) == ("b/c", "l-1")
    assert (entry.n, entry.d, entry.dtype, entry.energies, entry.dropped) == (20, 4, "float32", True, 1)
    assert entry.recipe == RECIPE
    assert list(store.ids(entry)) == IDS
    assert store.dropped(entry) == {"x": "why"}
    store.save(entry.key, representation(ids=IDS[::-1]))
    assert list(store.ids(entry)) == IDS[::-1]  # replaced since the entry was read
    assert count_folders(store.root) == 4
    assert find_stored(store.root)[1] == []


def test_names_of_any_kind(store):
    keys = [
        Key("a b+c", "w", "d~é/ü", "l-1(2)%", "p", "rdkit 2026.9.1, e3nn 0.6"),
        Key("a b+c", "w", "d~é/ü", "l-1(2)", "%-p", "rdkit 2026.9.1"),
        Key("..", "x" * 300, "\0", "A:b*?#", "p.json"),
    ]
    for sign, key in enumerate(keys):
        store.save(key, representation(embedding=sign * rows(IDS)))
    assert {entry.key for entry in store.list()} == set(keys)
    for sign, key in enumerate(keys):
        np.testing.assert_array_equal(store.load(key).embedding, sign * rows(IDS))
        with store.extraction(key, IDS, RECIPE, replace=True) as extraction:
            extraction.write_shard(IDS[:3], rows(IDS[:3]))
    assert {each.model for each in find_unfinished(store.root)} == {"a b+c", ".."}
    assert list(find_damage(store.root)) == []
    assert {what for _, what in find_leftovers(store.root)} == {"unfinished extraction"}


def test_stores_with_different_prefixes_do_not_meet(store):
    store.save(KEY, representation())
    assert Store("s3://bucket/some").load(KEY) is None
    assert list(Store("s3://bucket/some/where/e").list()) == []
    whole = Store("s3://bucket")
    whole.save(KEY, representation(embedding=-rows(IDS)))
    np.testing.assert_array_equal(whole.load(KEY).embedding, -rows(IDS))
    np.testing.assert_array_equal(Store("s3:/bucket/some/where/").load(KEY).embedding, rows(IDS))


@pytest.mark.parametrize("part", [slice(0, 1), slice(6, 8), slice(14, None), slice(-3, None), slice(9, 3), slice(None)])
def test_rows_are_those_of_the_whole(store, tmp_path, monkeypatch, part):
    monkeypatch.setattr(checkpoint, "CHUNK_BYTES", 7 * 16)
    local = Store(tmp_path)
    for each in (store, local):
        each.save(KEY, representation(groups={"kind": IDS}))
        got = each.load(KEY, rows=part)
        np.testing.assert_array_equal(got.embedding, rows(IDS)[part])
        np.testing.assert_array_equal(got.energies, energies(IDS)[part])
        assert (list(got.ids), got.groups, got.dropped) == (IDS[part], {"kind": IDS[part]}, {"x": "why"})
        with pytest.raises(InputError, match="a slice without a step"):
            each.load(KEY, rows=slice(0, 9, 2))


def test_only_the_chunks_of_the_rows_are_fetched(store, server, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHUNK_BYTES", 2**16)
    ids = [f"s{i:04d}" for i in range(2000)]
    x = np.random.default_rng(0).random((2000, 256)).astype("f4")  # 2 MB in chunks of 64 rows
    store.save(KEY, representation(embedding=x, ids=ids, energies=None))
    server.requests.clear()
    got = store.load(KEY, rows=slice(100, 140))
    np.testing.assert_array_equal(got.embedding, x[100:140])
    assert list(got.ids) == ids[100:140]
    chunks = [request for request in server.requests if "/embedding/c/" in request.path]
    assert sorted(request.name.partition("/c/")[2] for request in chunks) == ["1/0", "2/0"]
    assert sum(request.answer for request in chunks) < 2.2 * 2**16
    assert len(server.requests) == 4  # with the manifest and the ids
    server.requests.clear()
    np.testing.assert_array_equal(store.load(KEY).embedding, x)
    assert sum(request.answer for request in server.requests) > 30 * 2**16 * 0.8


def test_a_representation_that_is_replaced_while_it_is_read(store, server):
    store.save(KEY, representation())
    replaced = []

    def replace(request):
        if request.method == "GET" and request.path.endswith("last-mean.json") and not replaced:
            replaced.append(1)
            store.save(KEY, representation(embedding=-rows(IDS)))

    with server.failing(after=replace):
        np.testing.assert_array_equal(store.load(KEY).embedding, -rows(IDS))
    assert replaced


def test_a_store_can_be_used_in_an_event_loop_and_sent_to_other_processes(store):
    async def notebook():
        store.save(KEY, representation())

    asyncio.run(notebook())
    again = pickle.loads(pickle.dumps(store))
    assert again.root == store.root
    np.testing.assert_array_equal(again.load(KEY).embedding, rows(IDS))
    assert pickle.loads(pickle.dumps(store.list())) == store.list()


def test_the_arrays_are_zarr_for_others(store, server):
    import tensorstore as ts

    path = str(store.save(KEY, representation())).removeprefix("s3://bucket/")
    facts = {"bucket": "bucket", "endpoint": server.url, "aws_region": "us-east-1"}
    kvstore = {"driver": "s3", "path": f"{path}/arrays/embedding/", **facts}
    opened = ts.open({"driver": "zarr3", "kvstore": kvstore}, open=True, read=True).result()
    np.testing.assert_array_equal(opened.read().result(), rows(IDS))


def test_data_that_are_being_written_are_kept_once_a_manifest_names_them(store, server):
    """Also if they were listed as a leftover before."""
    listed = []

    def clean_up(request):
        if request.method == "PUT" and "/representations/" in request.path:
            listed.extend(path for path, _ in find_leftovers(store.root))

    with server.failing(before=clean_up):
        path = store.save(KEY, representation())
    assert listed == [path]
    remove_leftover(path)
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))


def test_data_of_a_shard_that_is_being_written_are_kept_once_it_is_complete(store, server):
    listed = []

    def clean_up(request):
        if request.method == "PUT" and "/done/" in request.path:
            listed.extend(path for path, what in find_leftovers(store.root) if "killed" in what)

    with store.extraction(KEY, IDS, RECIPE) as extraction:
        with server.failing(before=clean_up):
            extraction.write_shard(IDS, rows(IDS))
        assert len(listed) == 1
        remove_leftover(listed[0])
        np.testing.assert_array_equal(extraction.commit().embedding, rows(IDS))


def test_data_are_kept_if_what_names_them_is_damaged(store):
    other = Key("m/2", "w", "qm9-0123", "last", "mean")
    store.save(KEY, representation())
    with store.extraction(other, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]))
    for folder in (f"data/{KEY.folder}/data-1", f"data/{other.folder}/data-1"):
        put(f"some/where/{folder}/arrays/zarr.json", b"{}")
    assert len(list(find_leftovers(store.root))) == 3
    for name, content in objects().items():
        if "/done/" in name or name == MANIFEST:
            put(name, content[:-2])
    found = [(path.inside.partition("/")[0], what) for path, what in find_leftovers(store.root)]
    assert found == [("shards", "unfinished extraction"), ("data", "left by a killed process")]


def test_data_that_are_removed_while_they_are_written_are_not_named(store, server):
    def clean_up(request):
        if request.path.endswith("commit_success.txt"):
            for path, _ in list(find_leftovers(store.root)):
                remove_leftover(path)

    with server.failing(after=clean_up), pytest.raises(HyleError, match="was removed while it was written"):
        store.save(KEY, representation())
    assert store.load(KEY) is None


LARGE = f"""
import re, sys
import numpy as np
import obstore, tensorstore
from hyle.zoo import Key, Representation, Store
store, key = Store("s3://bucket/large"), Key{(*vars(KEY).values(),)!r}
ids = [str(i) for i in range(100_000)]
# What getrusage returns includes the memory of the parent, in which the server is.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
if sys.argv[1] == "merge":
    extraction = store.extraction(key, ids, {{}}, shared=True)
    for first in range(0, len(ids), 2000):
        extraction.write_shard(ids[first:first + 2000], np.random.default_rng(first).random((2000, 1024), np.float32))
    before = peak()
    matrix = extraction.commit().embedding
else:
    before = peak()
    matrix = store.load(key).embedding
print((peak() - before) / matrix.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.thorough
def test_the_matrix_is_in_memory_once(server):
    """410 MB, and at most 64 MB of shards and chunks that are read ahead, each of them twice: encoded and not."""
    for job in ("merge", "load"):
        done = subprocess.run([sys.executable, "-c", LARGE, job], capture_output=True, text=True, check=True)
        assert 0.9 < float(done.stdout) < 1.95
