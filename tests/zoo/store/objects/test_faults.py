"""Processes that are killed, and requests that fail, at any moment: readers see all or nothing."""

import os
import signal
import threading

import numpy as np
import pytest

from hyle.zoo import Store
from hyle.zoo.store import find_damage, find_leftovers, find_unfinished, remove_leftover
from hyle.zoo.store.objects import bucket

from ..stored import IDS, KEY, RECIPE, energies, representation, rows
from .conftest import objects
from .server import FORGET, HANG, REFUSE
from .writer import DROPPED, MANY, Writer, expected


@pytest.fixture
def writers(server):
    made = [Writer(), Writer()]
    yield made
    for each in made:
        each.close()


def check_whole(got):
    assert list(got.ids) == [i for i in MANY if i not in DROPPED]
    np.testing.assert_array_equal(got.embedding, expected(MANY))
    np.testing.assert_array_equal(got.energies, energies(got.ids))
    assert (got.dropped, got.recipe) == (DROPPED, RECIPE)


def manifests():
    return [name for name in objects() if "/representations/" in name]


def killer(server, process, number):
    """Return a fault that kills a process at its request of some number."""
    first = len(server.requests)

    def kill(request):
        if request.number == first + number:
            os.kill(process, signal.SIGKILL)

    return kill


# At every request, or with one in so many of them, so that it takes seconds.
STEPS = pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.thorough, id="every"), pytest.param(29, id="every-twenty-ninth")]
)


@STEPS
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_extraction_is_killed_at_any_request(server, writers, moment, step):
    """Before or after the request is carried out; a second run then finishes it."""
    writer, _ = writers
    assert writer.run("extract", "s3://bucket/undisturbed", 12, 1) == 0
    count = len(server.requests)
    assert count > 40
    killed = 0
    for number in range(0, count, step):
        root = f"s3://bucket/{moment}{number}"
        process = writer.start("extract", root, 12, 1)
        with server.failing(**{moment: killer(server, process, number)}):
            writer.go(process)
            code = writer.code()
        killed += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL)
        store = Store(root)
        seen = store.load(KEY)
        assert len(store.list()) == (seen is not None)
        if seen is not None:
            check_whole(seen)
        assert list(find_damage(root)) == []
        with store.extraction(KEY, MANY, RECIPE, shared=True) as extraction:
            left = extraction.unfinished()
            for ids in (left[:5], left[5:]):
                kept = [i for i in ids if i not in DROPPED]
                if ids:
                    extraction.write_shard(
                        kept,
                        rows(kept) if kept else None,
                        energies(kept) if kept else None,
                        {i: DROPPED[i] for i in ids if i in DROPPED},
                    )
            check_whole(extraction.commit())
        check_whole(store.load(KEY))
        for path, _ in list(find_leftovers(root)):
            remove_leftover(path)
        check_whole(store.load(KEY))
        assert find_unfinished(root) == []
        inside = root.removeprefix("s3://bucket/")
        (manifest,) = (name for name in objects(prefix=f"{inside}/") if "/representations/" in name)
        folder = str(store.list()[0].path).removeprefix("s3://bucket/")
        assert all(name == manifest or name.startswith(f"{folder}/") for name in objects(prefix=f"{inside}/"))
    assert killed >= 0.9 * len(range(0, count, step))


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.thorough, id="every"), pytest.param(3, id="every-third")]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_replacement_is_killed_at_any_request(server, writers, moment, step):
    """The old representation or the new one is there, whichever is last."""
    writer, _ = writers
    store = Store("s3://bucket/replaced")
    store.save(KEY, representation())
    server.requests.clear()
    assert writer.run("save", store.root, -1, 0) == 0
    count, signs = len(server.requests), set()
    for number in {*range(0, count + 1, step), count}:
        store.save(KEY, representation())
        process = writer.start("save", store.root, -1, 0)
        with server.failing(**{moment: killer(server, process, number)}):
            writer.go(process)
            writer.code()
        got = store.load(KEY)
        sign = int(np.sign(got.embedding[0, 0] / rows(IDS)[0, 0]))
        signs.add(sign)
        np.testing.assert_array_equal(got.embedding, sign * rows(IDS))
        for path, _ in list(find_leftovers(store.root)):
            remove_leftover(path)
        np.testing.assert_array_equal(store.load(KEY).embedding, sign * rows(IDS))
        assert len([name for name in objects() if name.endswith("about.json")]) == 1
    assert signs == {-1, 1}


@pytest.mark.parametrize("size", [7, 30])
def test_two_processes_with_overlapping_shards_commit_once(server, writers, size):
    """One from the first sample, the other from the last; a reader meanwhile sees nothing or all."""
    root = f"s3://bucket/two{size}"
    store, seen, done = Store(root), [], threading.Event()

    def read():
        while not done.is_set():
            seen.append(store.load(KEY))

    reader = threading.Thread(target=read)
    reader.start()
    tasks = [("extract", root, size, 1), ("extract", root, 8, -1)]
    processes = [writer.start(*task) for writer, task in zip(writers, tasks, strict=True)]
    for writer, process in zip(writers, processes, strict=True):
        writer.go(process)
    codes = [writer.code() for writer in writers]
    done.set()
    reader.join()
    assert codes == [0, 0]
    assert len(manifests()) == 1
    check_whole(store.load(KEY))
    for got in seen:
        if got is not None:
            check_whole(got)
    assert [what for _, what in find_leftovers(root) if what != "unfinished extraction"] == []


def test_two_processes_that_commit_at_the_same_moment(server, writers):
    root, both = "s3://bucket/moment", threading.Barrier(2, timeout=20)
    with Store(root).extraction(KEY, MANY, RECIPE, shared=True) as extraction:
        ids = [i for i in MANY if i not in DROPPED]
        extraction.write_shard(ids, rows(ids), energies(ids), DROPPED)

    def wait(request):
        if request.method == "PUT" and "/representations/" in request.path:
            both.wait()

    processes = [writer.start("extract", root, 9, 1) for writer in writers]
    with server.failing(before=wait):
        for writer, process in zip(writers, processes, strict=True):
            writer.go(process)
        codes = [writer.code() for writer in writers]
    assert codes == [0, 0]
    assert not both.broken
    assert len(manifests()) == 1
    check_whole(Store(root).load(KEY))
    assert list(find_leftovers(root)) == []  # not even the data of the other


def run_everything(root):
    store = Store(root)
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:12], rows(IDS[:12]), energies(IDS[:12]))
        left = extraction.unfinished()
        extraction.write_shard(left, rows(left), energies(left))
        made = extraction.commit()
    store.save(KEY, made)
    (entry,) = store.list()
    assert list(store.ids(entry)) == IDS
    assert list(find_damage(root)) == []
    return store.load(KEY)


@STEPS
@pytest.mark.parametrize("fault", [REFUSE, FORGET, pytest.param(HANG, marks=pytest.mark.thorough)])
def test_a_request_that_fails_once_is_sent_again(server, monkeypatch, fault, step):
    """Whichever it is, and whether it was carried out or not."""
    monkeypatch.setenv("HYLE_STORE_TIMEOUT", "1")
    run_everything("s3://bucket/undisturbed")
    count = len(server.requests)
    assert count > 50
    for number in range(0, count, step):
        bucket._bucket.cache_clear()
        server.requests.clear()
        root = f"s3://bucket/{fault}{number}"
        with server.failing(before=lambda request, number=number: fault if request.number == number else None):
            got = run_everything(root)
        assert len(server.requests) > count
        np.testing.assert_array_equal(got.embedding, rows(IDS))
        np.testing.assert_array_equal(got.energies, energies(IDS))
        assert list(find_leftovers(root)) == []
        names = [name for name in objects(prefix=root.removeprefix("s3://bucket/") + "/") if "about.json" in name]
        assert len(names) == 1


@pytest.mark.parametrize("what", ["/done/", "/representations/", "?delete"])
def test_a_request_that_is_carried_out_and_never_answered(server, monkeypatch, what):
    """Only one of several; obstore does not send these again by itself."""
    monkeypatch.setenv("HYLE_STORE_TIMEOUT", "1")
    hung = []

    def hang(request):
        if what in f"{request.path}?{request.query}" and request.method in ("PUT", "POST") and not hung:
            hung.append(request)
            return HANG
        return None

    with server.failing(before=hang):
        got = run_everything("s3://bucket/hung")
    assert hung
    np.testing.assert_array_equal(got.embedding, rows(IDS))
    assert list(find_leftovers("s3://bucket/hung")) == []


def test_a_store_that_is_gone_for_a_while_keeps_what_is_written(server):
    """Every request fails from some moment on; the same extraction then finishes."""
    store = Store("s3://bucket/outage")
    extraction = store.extraction(KEY, IDS, RECIPE, shared=True)
    extraction.write_shard(IDS[:12], rows(IDS[:12]))
    bucket._bucket.cache_clear()
    late = Store("s3://bucket/outage")
    with (
        server.failing(before=lambda _: REFUSE),
        pytest.raises(OSError, match=r"cannot use the store s3://bucket/outage: .*500"),
    ):
        late.load(KEY)
    assert extraction.unfinished() == IDS[12:]
    extraction.write_shard(IDS[12:], rows(IDS[12:]))
    np.testing.assert_array_equal(extraction.commit().embedding, rows(IDS))
