"""Objects that are damaged or removed in an object store."""

import numpy as np
import pytest

import hyle.zoo.store.checkpoint as checkpoint
from hyle.zoo import HyleError, InputError
from hyle.zoo.store import Key, find_damage, find_leftovers, remove_folder

from ..stored import IDS, KEY, RECIPE, energies, representation, rows
from .conftest import MANIFEST, objects, put


@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_any_damaged_object_is_found(store, how):
    store.save(KEY, representation())
    with store.extraction(Key("m/2", "w", "qm9-0123", "last", "mean"), IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]), energies(IDS[:5]))
    assert list(find_damage(store.root)) == []
    all_objects = objects()
    assert len(all_objects) > 10
    for name, content in all_objects.items():
        names_data = name.endswith("last-mean.json") or "/done/" in name
        if name.endswith("extraction.json") or (how == "remove" and names_data):
            continue  # a plan is written again; without an object that names data, there are none
        if how == "remove":
            objects(remove=True, prefix=name)
        else:
            damaged = bytearray(content)
            damaged[len(damaged) // 2] ^= 4
            put(name, bytes(damaged) if how == "flip" else content[:-1])
        (damage,) = find_damage(store.root)
        put(name, content)
        shard = "/shards/" in name
        assert name in damage.problem or (how == "cut" and names_data)
        assert (str(damage.path) == f"s3://bucket/{MANIFEST}") != shard
        assert damage.recipe == (None if name == MANIFEST else RECIPE)
        assert damage.samples == (20 if shard else 0 if name == MANIFEST else 21)
    assert list(find_damage(store.root)) == []


def test_a_representation_and_a_shard_are_removed(store):
    store.save(KEY, representation())
    with store.extraction(Key("m/2", "w", "qm9-0123", "last", "mean"), IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]), energies(IDS[:5]))
        extraction.write_shard(IDS[5:7], rows(IDS[5:7]))
    (shard, _) = (name for name in objects() if "/done/" in name)
    for name in (MANIFEST, shard):
        remove_folder(store.root, f"s3://bucket/{name}")
    assert store.load(KEY) is None
    with store.extraction(Key("m/2", "w", "qm9-0123", "last", "mean"), IDS, RECIPE) as extraction:
        assert len(extraction.finished) in (2, 5)
    assert {what for _, what in find_leftovers(store.root)} == {"unfinished extraction"}
    assert not [name for name in objects() if "/representations/" in name or "/where/data/" in name]
    with pytest.raises(InputError, match="is no representation and no shard in the store s3://bucket/some/where"):
        remove_folder(store.root, f"s3://bucket/{MANIFEST}")


def test_a_damaged_chunk_is_not_read(store, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHUNK_BYTES", 7 * 16)
    store.save(KEY, representation())
    (name,) = (name for name in objects() if name.endswith("embedding/c/1/0"))
    (other,) = (content for each, content in objects().items() if each.endswith("embedding/c/0/0"))
    put(name, other)
    with pytest.raises(HyleError, match="is damaged: remove it and embed again"):
        store.load(KEY)
    with pytest.raises(HyleError, match="is damaged"):
        store.load(KEY, rows=slice(8, 9))
    np.testing.assert_array_equal(store.load(KEY, rows=slice(0, 7)).embedding, rows(IDS[:7]))
