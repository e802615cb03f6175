import json
import logging
import shutil
import subprocess
import sys
import textwrap

import ml_dtypes
import numpy as np
import pytest

from hyle.zoo import Store
from hyle.zoo.store.key import Key

from .stored import IDS, KEY, RECIPE, energies, representation, rows


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_round_trip(store, dtype):
    want = representation(embedding=rows(IDS, dtype=dtype))
    assert store.load(KEY) is None
    store.save(KEY, want)
    got = store.load(KEY)
    assert got.embedding.dtype == dtype
    assert got.embedding.tobytes() == want.embedding.tobytes()
    assert list(got.ids) == IDS
    np.testing.assert_array_equal(got.energies, want.energies)
    assert got.energies.dtype == np.float64
    assert (got.name, got.recipe, got.dropped) == ("m", RECIPE, {"x": "why"})


def test_saving_replaces_the_old_representation(store):
    store.save(KEY, representation())
    store.save(KEY, representation(embedding=rows(IDS, d=7), energies=None, dropped={}))
    got = store.load(KEY)
    assert got.embedding.shape == (20, 7)
    assert got.energies is None
    folder = store.root / KEY.folder
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "representation"]


def test_shards_in_any_order_are_merged_in_the_order_of_the_data_set(store):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        for ids in (IDS[15:], IDS[3:15]):
            extraction.write_shard(ids, rows(ids), energies(ids))
        extraction.write_shard(IDS[1:3], rows(IDS[1:3]), energies(IDS[1:3]), {"s000": "no fluorine"})
        assert extraction.finished == set(IDS)
        assert store.load(KEY) is None
        made = extraction.commit()
    for got in (made, store.load(KEY)):
        assert list(got.ids) == IDS[1:]
        np.testing.assert_array_equal(got.embedding, rows(IDS[1:]))
        np.testing.assert_array_equal(got.energies, energies(IDS[1:]))
        assert got.dropped == {"s000": "no fluorine"}
        assert got.recipe == RECIPE
    assert not (store.root / KEY.folder / "shards").exists()


def test_torch_tensors(store):
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        x = torch.randn(20, 3, dtype=dtype, requires_grad=True)
        with store.extraction(KEY, IDS, {"dtype": str(dtype)}) as extraction:
            extraction.write_shard(IDS, x, torch.arange(20))
            got = extraction.commit()
        assert got.embedding.dtype.name == str(dtype).removeprefix("torch.")
        np.testing.assert_array_equal(store.load(KEY).embedding.astype(np.float64), x.detach().double().numpy())
        assert got.energies[3] == 3.0


def test_energies_are_stored_only_if_all_rows_have_one(store):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]), energies(IDS[:5]))
        extraction.write_shard(IDS[5:], rows(IDS[5:]))
        assert extraction.commit().energies is None


def test_a_shard_may_contain_only_dropped_samples(store):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard([], np.zeros((0, 0), np.float32), dropped=dict.fromkeys(IDS[:19], "why"))
        with pytest.raises(ValueError, match="1 samples are not finished, starting with 's019'"):
            extraction.commit()
        extraction.write_shard([], None, dropped={"s019": "why"})
        with pytest.raises(ValueError, match="the model supports none of the 20 samples: why"):
            extraction.commit()


@pytest.mark.parametrize(
    ("ids", "embedding", "rest", "message"),
    [
        (["unknown"], rows(["s1"]), {}, "the data set has no sample 'unknown'"),
        (["s000"], rows(["s000"]), {}, "the sample 's000' is already finished"),
        (["s005", "s005"], rows(["s1", "s1"]), {}, "the sample 's005' is already finished"),
        (["s005"], rows(["s1"]), {"dropped": {"s005": "why"}}, "the sample 's005' is already finished"),
        (["s005"], rows(["s1", "s2"]), {}, "1 ids for 2 rows"),
        (
            ["s005"],
            rows(["s1"], d=5),
            {},
            r"the rows have 5 columns of float32, but those of earlier samples have 4 of float32",
        ),
        (["s005"], rows(["s1"], dtype=np.float64), {}, "those of earlier samples have"),
        (["s005"], np.ones((1, 4), int), {}, "an embedding must be a floating matrix"),
        (["s005"], np.ones(4), {}, "an embedding must be a floating matrix"),
        (["s005"], rows(["s1"]), {"energies": np.ones(2)}, r"energies of shape \(2,\) for 1 rows"),
    ],
)
def test_invalid_shards_raise(store, ids, embedding, rest, message):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(["s000"], rows(["s000"]))
        with pytest.raises(ValueError, match=message):
            extraction.write_shard(ids, embedding, **rest)
        assert extraction.finished == {"s000"}


def test_an_extraction_resumes_after_a_stop_and_checks_the_width_again(store):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]))
    with pytest.raises(ValueError, match="this extraction is closed"):
        extraction.write_shard(IDS[5:], rows(IDS[5:]))
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        assert extraction.finished == set(IDS[:5])
        with pytest.raises(ValueError, match="those of earlier samples have"):
            extraction.write_shard(IDS[5:], rows(IDS[5:], d=9))
        extraction.write_shard(IDS[5:], rows(IDS[5:]))
        extraction.commit()
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))


@pytest.mark.parametrize("change", ["recipe", "ids", "weights"])
def test_shards_of_another_recipe_are_not_mixed_in(store, change):
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]))
    key, ids, recipe = KEY, IDS, RECIPE
    if change == "recipe":
        recipe = {**RECIPE, "versions": {"torch": "2.14"}}
    elif change == "ids":
        ids = IDS[::-1]
    else:
        key = Key("m", "other", "qm9-0123", "last", "mean")
    with store.extraction(key, ids, recipe) as extraction:
        assert extraction.finished == set()
    with store.extraction(KEY, IDS, RECIPE) as extraction:
        assert extraction.finished == set(IDS[:5])


def test_find(store):
    for model in ("a", "b"):
        for dataset in ("qm9-1", "qm9-2"):
            store.save(Key(model, "w", dataset, "l", "p"), representation())
    assert len(store.list()) == 4
    entry = store.find(model="a", dataset="qm9-2")[0]
    assert (entry.key.model, entry.key.dataset) == ("a", "qm9-2")
    assert (entry.n, entry.d, entry.dtype, entry.energies, entry.dropped) == (20, 4, "float32", True, 1)
    assert entry.recipe == RECIPE
    with pytest.raises(ValueError, match="a key has no field 'name'; it has: model, weights"):
        store.find(name="a")
    assert list(Store(store.root / "nowhere").list()) == []


def test_keys_map_to_valid_and_different_folders():
    texts = [
        "a/b",
        "a%2Fb",
        "a\\b",
        "..",
        ".",
        ".hidden",
        "a-b",
        "é",
        "x" * 300,
        "x" * 301,
        "a b",
        "A:b*?",
        "\0",
    ]
    folders = {Key(text, "w", "d", "l", "p").folder for text in texts}
    assert len(folders) == len(texts)
    for folder in folders:
        assert len(folder.parts) == 4
        assert not {"..", "."} & set(folder.parts)
        assert not folder.parts[0].startswith(".")
        assert max(map(len, folder.parts)) < 255
    assert Key("m", "w", "d", "a-b", "c").folder != Key("m", "w", "d", "a", "b-c").folder
    with pytest.raises(ValueError, match="no field of a key may be empty"):
        _ = Key("", "w", "d", "l", "p").folder


def test_key_of_a_recipe():
    recipe = {**RECIPE, "dataset": "qm9", "dataset_version": "0123"}
    assert Key.of(recipe) == KEY
    assert Store("x").key(**vars(KEY)) == KEY
    with pytest.raises(ValueError, match="the recipe has no dataset, dataset_version"):
        Key.of(RECIPE)


def test_versions_of_libraries_that_change_the_rows_are_part_of_the_key(store):
    recipe = {**RECIPE, "dataset": "qm9", "dataset_version": "0123"}
    old, new = (Key.of(recipe | {"libraries": {"rdkit": v, "datamol": "0.13.0"}}) for v in ("2025.9.1", "2026.9.1"))
    assert new.libraries == "datamol 0.13.0, rdkit 2026.9.1"
    assert len({KEY, old, new}) == len({key.folder for key in (KEY, old, new)}) == 3
    # What was stored before versions were recorded, or with other versions, is not found.
    store.save(KEY, representation())
    store.save(old, representation(embedding=-rows(IDS)))
    assert store.load(new) is None
    store.save(new, representation(embedding=2 * rows(IDS)))
    np.testing.assert_array_equal(store.load(new).embedding, 2 * rows(IDS))
    np.testing.assert_array_equal(store.load(old).embedding, -rows(IDS))
    assert {entry.key for entry in store.list()} == {KEY, old, new}
    assert Key("m", "w+rdkit 1", "d", "l", "p").folder != Key("m", "w", "d", "l", "p", "rdkit 1").folder
    assert "rdkit 2026.9.1" in str(new)


def test_a_key_that_was_stored_without_libraries_is_read(store):
    path = store.save(KEY, representation())
    about = json.loads((path / "about" / "about.json").read_text())
    assert about["key"].pop("libraries") == ""
    assert Key(**about["key"]) == KEY


def test_recipes_must_be_json_and_ids_unique(store):
    with pytest.raises(ValueError, match="a recipe must be JSON serialisable"):
        store.extraction(KEY, IDS, {"x": object()})
    with pytest.raises(ValueError, match="the ids must be unique"):
        store.extraction(KEY, [*IDS, "s000"], RECIPE)


def test_nothing_is_printed_and_logging_settings_are_unchanged(store, capfd):
    absl = logging.getLogger("absl")
    before = absl.level, logging.getLogger().level, list(logging.getLogger().handlers)
    code = textwrap.dedent(f"""
        import numpy as np
        from hyle.zoo import Store, Representation
        from hyle.zoo import Key
        store = Store({str(store.root)!r})
        with store.extraction(Key("m", "w", "d", "l", "p"), ["a", "b"], {{}}) as extraction:
            extraction.write_shard(["a"], np.ones((1, 2)))
            extraction.write_shard(["b"], np.ones((1, 2)))
            extraction.commit()
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    store.save(KEY, representation())
    assert (absl.level, logging.getLogger().level, list(logging.getLogger().handlers)) == before
    assert capfd.readouterr() == ("", "")


def test_saving_works_inside_a_running_event_loop(store):
    import asyncio

    async def notebook():
        store.save(KEY, representation())

    asyncio.run(notebook())
    assert len(store.load(KEY).ids) == 20


def test_heavy_packages_are_imported_only_when_used(store):
    store.save(KEY, representation())
    code = textwrap.dedent(f"""
        import sys
        heavy = ("torch", "jax", "ase", "rdkit", "orbax", "pandas", "pyarrow", "tensorstore", "h5py", "zarr")
        def loaded(): return [name for name in heavy if name in sys.modules]
        import hyle.zoo
        print(loaded())
        hyle.zoo.Store({str(store.root)!r}).load(hyle.zoo.Key{(*vars(KEY).values(),)!r})
        print(loaded())
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['tensorstore']"]


def test_arrays_are_plain_zarr(store):
    path = store.save(KEY, representation()) / "arrays"
    group = json.loads((path / "zarr.json").read_text())
    assert group["attributes"] == {"name": "m", "ids": IDS, "recipe": RECIPE}
    array = json.loads((path / "embedding" / "zarr.json").read_text())
    assert (array["zarr_format"], array["shape"]) == (3, [20, 4])
    assert array["dimension_names"] == ["sample", "feature"]
    zarr = pytest.importorskip("zarr")
    np.testing.assert_array_equal(zarr.open(str(path / "embedding"), mode="r")[:], rows(IDS))
    xarray = pytest.importorskip("xarray")
    opened = xarray.open_zarr(path, consolidated=False)
    assert opened["embedding"].dims == ("sample", "feature")
    np.testing.assert_array_equal(opened["energies"], energies(IDS))


def test_orbax_itself_can_restore_a_representation(store):
    import orbax.checkpoint as ocp

    path = store.save(KEY, representation()) / "arrays"
    restored = ocp.PyTreeCheckpointer().restore(path)
    np.testing.assert_array_equal(restored["embedding"], rows(IDS))


def test_a_key_that_differs_only_in_case_raises(store):
    path = store.save(KEY, representation())
    other = store.root / Key("M", *list(vars(KEY).values())[1:]).folder
    shutil.copytree(path.parent, other)
    with pytest.raises(ValueError, match="the file system ignores case"):
        store.load(Key("M", *list(vars(KEY).values())[1:]))


def test_a_store_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    Store("~/store").save(KEY, representation())
    assert (tmp_path / "store" / KEY.folder / "representation").is_dir()
