import json
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hyle.zoo import Representation, read_embeddings, write_embeddings

SUFFIXES = [".npz", ".npy", ".parquet", ".safetensors", ".csv", ".h5", ".hdf5", ".zarr"]
RECIPE = {"model": "m", "layer": "last", "versions": {"torch": "2.13"}}


def sample(dtype=np.float32, n=5, d=3, energies=True):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)).astype(dtype)
    e = rng.normal(size=n) if energies else None
    return Representation("m", x, [f"id {i}, „{i}“" for i in range(n)], RECIPE, e)


def bits(array):
    return np.ascontiguousarray(array).tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_round_trip(tmp_path, suffix, dtype):
    want = sample(dtype)
    path = write_embeddings(want, tmp_path / "deep" / f"m{suffix}")
    got = read_embeddings(path)
    assert got.name == "m"
    assert list(got.ids) == list(want.ids)
    assert got.embedding.dtype == (np.float64 if suffix == ".csv" else dtype)
    assert bits(got.embedding.astype(dtype)) == bits(want.embedding)
    if suffix == ".npy":
        assert got.energies is None
    else:
        np.testing.assert_array_equal(got.energies, want.energies)
    if suffix not in (".npy", ".csv"):
        assert {name: got.recipe[name] for name in RECIPE} == RECIPE
    assert got.recipe["file"] == f"m{suffix}"
    assert [p for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_the_content_hash_does_not_depend_on_the_format(tmp_path):
    paths = [write_embeddings(sample(), tmp_path / f"m{suffix}") for suffix in (".npz", ".h5", ".parquet", ".zarr")]
    hashes = {read_embeddings(path).recipe["content"] for path in paths}
    assert len(hashes) == 1
    other = sample()
    other.embedding[0, 0] += 1
    assert read_embeddings(write_embeddings(other, tmp_path / "o.npz")).recipe["content"] not in hashes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    write_embeddings(sample(n=9), path)
    write_embeddings(sample(n=4, energies=False), path)
    got = read_embeddings(path, name="again")
    assert got.embedding.shape == (4, 3)
    assert got.energies is None
    assert got.name == "again"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bfloat16(tmp_path, suffix):
    want = sample(ml_dtypes.bfloat16)
    got = read_embeddings(write_embeddings(want, tmp_path / f"m{suffix}"))
    wide = {".csv": "float64", ".safetensors": "bfloat16"}.get(suffix, "float32")
    assert got.embedding.dtype.name == wide
    np.testing.assert_array_equal(got.embedding.astype(np.float32), want.embedding.astype(np.float32))


def test_torch_tensors_are_written(tmp_path):
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(3, 4, dtype=dtype, requires_grad=True)
        got = read_embeddings(write_embeddings(Representation("m", x, list("abc")), tmp_path / "m.safetensors"))
        assert got.embedding.dtype.name == str(dtype).removeprefix("torch.")
        np.testing.assert_array_equal(got.embedding.astype(np.float32), x.detach().float().numpy())


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(SUFFIXES),
    x=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements={"allow_nan": False},
    ),
    data=st.data(),
)
def test_any_matrix_and_ids_are_read_back_unchanged(tmp_path, suffix, x, data):
    ids = data.draw(st.lists(text, min_size=len(x), max_size=len(x), unique=True))
    got = read_embeddings(write_embeddings(Representation("m", x, ids), tmp_path / f"p{suffix}"))
    assert list(got.ids) == ids
    np.testing.assert_array_equal(got.embedding.astype(x.dtype), x)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nan_and_inf_are_preserved(tmp_path, suffix):
    want = sample()
    want.embedding[1] = [np.nan, np.inf, -np.inf]
    got = read_embeddings(write_embeddings(want, tmp_path / f"m{suffix}"))
    np.testing.assert_array_equal(got.embedding.astype(np.float32), want.embedding)


def test_npy_ids(tmp_path):
    x = np.eye(3)
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(
        ValueError, match=r"x\.npy: has no ids; x\.ids\.txt next to it.* or number the rows from 0 with --ids rows"
    ):
        read_embeddings(tmp_path / "x.npy")
    (tmp_path / "own.txt").write_text("\ufeffa\r\nb\r\nc\r\n", "utf-8")
    assert list(read_embeddings(tmp_path / "x.npy", ids_path=tmp_path / "own.txt").ids) == ["a", "b", "c"]
    np.save(tmp_path / "x.ids.npy", np.array([7, 8, 9]))
    assert list(read_embeddings(tmp_path / "x.npy").ids) == ["7", "8", "9"]
    (tmp_path / "x.ids.txt").write_text("p\nq\nr", "utf-8")
    assert list(read_embeddings(tmp_path / "x.npy").ids) == ["p", "q", "r"]
    with pytest.raises(FileNotFoundError, match=r"x\.ids\.tx does not exist; did you mean .*'x\.ids\.txt'"):
        read_embeddings(tmp_path / "x.npy", ids_path=tmp_path / "x.ids.tx")


def test_ids_path_replaces_the_ids_of_the_file(tmp_path):
    write_embeddings(sample(n=2), tmp_path / "m.npz")
    (tmp_path / "i.txt").write_text("a\nb\n")
    assert list(read_embeddings(tmp_path / "m.npz", ids_path=tmp_path / "i.txt").ids) == ["a", "b"]
    write_embeddings(sample(n=2), tmp_path / "m.csv")
    assert list(read_embeddings(tmp_path / "m.csv", ids_path=tmp_path / "i.txt").ids) == ["a", "b"]
    with pytest.raises(ValueError, match=r"m\.csv: takes its ids from a file or from --id-column, not from both"):
        read_embeddings(tmp_path / "m.csv", ids_path=tmp_path / "i.txt", id_column="id")


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


GOOD = {"embedding": np.eye(2), "ids": np.array(["a", "b"])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding": None}, r"contains no matrix \[n, d\]; it has: ids \[2\]"),
        (
            {"embedding": None, "p": np.eye(2), "q": np.eye(2)},
            r"choose one with --key; it has: ids \[2\], p \[2, 2\], q",
        ),
        ({"ids": None}, r"has no array with ids; it has: embedding \[2, 2\]. Name the ids with --id-column"),
        ({"ids": np.array(["a", "a"])}, "the id 'a' is in rows 1 and 2, but ids must be unique: choose others than"),
        ({"ids": np.array(["a", "b", "c"])}, "3 ids for 2 rows"),
        ({"ids": np.array(["a", ""])}, "the id in row 2 is empty"),
        ({"ids": np.array(["a", "b\nc"])}, "the id in row 2 is not a line of text"),
        ({"ids": np.array([1.0, 2.0])}, "`ids` has the dtype float64"),
        ({"ids": np.array([True, False])}, "`ids` has the dtype bool"),
        ({"ids": np.array([["a"], ["b"]])}, r"`ids` has the shape \(2, 1\)"),
        ({"ids": np.array(["a", 2], dtype=object)}, "contains a pickled object array, which is never loaded"),
        ({"embedding": np.array([[1], ["x"]], dtype=object)}, "contains a pickled object array"),
        ({"embedding": np.ones((2, 2, 2))}, r"`embedding` has the shape \(2, 2, 2\), not \[n, d\]"),
        ({"embedding": np.ones(2)}, r"`embedding` has the shape \(2,\)"),
        ({"embedding": np.ones((2, 0))}, "`embedding` is empty"),
        ({"embedding": np.ones((2, 2)) * 1j}, "`embedding` has the dtype complex128"),
        ({"embedding": np.array([["a"], ["b"]])}, "`embedding` has the dtype <U1"),
        ({"energies": np.ones(3)}, r"`energies` has the shape \(3,\) for 2 rows"),
    ],
)
def test_invalid_npz_raises(tmp_path, change, message):
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    path = npz(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_embeddings(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_integers_become_floats(tmp_path):
    for dtype, wide in ((np.uint8, np.float32), (np.bool_, np.float32), (np.int64, np.float64)):
        got = read_embeddings(npz(tmp_path / "x.npz", **GOOD | {"embedding": np.eye(2, dtype=dtype)}))
        assert got.embedding.dtype == wide
    assert list(read_embeddings(npz(tmp_path / "x.npz", embedding=np.eye(2), id=np.array([3, 4]))).ids) == [
        "3",
        "4",
    ]


@pytest.mark.parametrize("suffix", SUFFIXES[:-1])
@pytest.mark.parametrize("content", [b"", b"not what it seems\n", None])
def test_unreadable_files_raise_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"x{suffix}"
    if content is None:
        content = write_embeddings(sample(n=500), path).read_bytes()[:-700]
        if suffix == ".csv":
            content += b",\x00"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)) as caught:
        read_embeddings(path)
    assert "\n" not in str(caught.value)


def test_wrong_paths_raise(tmp_path):
    write_embeddings(sample(), tmp_path / "chgnet.npz")
    with pytest.raises(FileNotFoundError, match=r"does not exist; did you mean 'chgnet\.npz'"):
        read_embeddings(tmp_path / "chgnt.npz")
    with pytest.raises(ValueError, match=r"the suffix must be one of \.npz, \.npy"):
        read_embeddings(tmp_path / "x.xlsx")
    with pytest.raises(ValueError, match=r"x\.pkl: pickles are never loaded"):
        read_embeddings(tmp_path / "x.pkl")
    with pytest.raises(ValueError, match="the suffix must be one of"):
        write_embeddings(sample(), tmp_path / "x.pt")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file.zarr").touch()
    for name in ("folder.npz", "file.zarr"):
        with pytest.raises(ValueError, match=r"but \.\w+ must be a f"):
            read_embeddings(tmp_path / name)


def test_parquet_columns(tmp_path):
    path = tmp_path / "x.parquet"
    table = {"smiles": ["C", "N"], "b": [1.0, 2.0], "id": [10, 11], "a": [3, 4], "energies": [0.5, 0.6]}
    pq.write_table(pa.table({**table, "__index_level_0__": [0, 1]}), path)
    with pytest.raises(ValueError, match=r"names are no series such as f0, f1, ...: b, a; name the features, for ex"):
        read_embeddings(path)
    got = read_embeddings(path, columns="b,a")
    np.testing.assert_array_equal(got.embedding, [[1, 3], [2, 4]])
    np.testing.assert_array_equal(got.energies, [0.5, 0.6])
    assert list(got.ids) == ["10", "11"]

    def fails(message, **columns):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(ValueError, match=message):
            read_embeddings(path)

    fails("has no column with ids; it has: a0, a1", a0=[1.0], a1=[2.0])
    fails("contains no columns of numbers; it has: id, s", id=["a"], s=["x"])
    fails("has 2 numbers in row 1 but 3 in row 2", id=["a", "b"], embedding=[[1.0, 2.0], [1.0, 2.0, 3.0]])
    fails("column embedding is empty in row 2", id=["a", "b"], embedding=[[1.0], None])
    fails("the id in row 2 is None", id=["a", None], x0=[1.0, 2.0])
    fails("the ids in id are of type double: save them as text or as integers", id=[1.0, 2.0], x0=[1.0, 2.0])


def test_parquet_from_pandas(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": ["a", "b"], "embedding": [np.array([1.0, 2.0]), np.array([3.0, 4.0])]})
    frame.to_parquet(tmp_path / "x.parquet")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "x.parquet").embedding, [[1, 2], [3, 4]])
    pd.DataFrame([[1.0, 2.0]], index=pd.Index(["q"], name="id"), columns=["x1", "x2"]).to_parquet(
        tmp_path / "y.parquet"
    )
    assert list(read_embeddings(tmp_path / "y.parquet").ids) == ["q"]


def test_csv(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('\ufeffname,0,1,energies\r\n001,1,2.5,-3\r\n"a, ""b""",,1e-3,4\r\n', "utf-8", newline="")
    got = read_embeddings(path)
    assert list(got.ids) == ["001", 'a, "b"']
    np.testing.assert_array_equal(got.embedding, [[1, 2.5], [np.nan, 1e-3]])
    np.testing.assert_array_equal(got.energies, [-3, 4])
    for content, message in [
        ("id,x0\na,1\nb,oops\n", "contains no columns of numbers"),
        ("id,x0\na,1,2\n", "[Ee]xpected 2 columns, got 3"),
        ("id\na\n", "has 1 columns"),
        ("a,0.1,0.7\nb,0.3,0.4\n", "has no header line: add one such as id,0,1; its first line is a,0.1,0.7"),
        ("id,x0\n", "contains no columns of numbers"),
    ]:
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            read_embeddings(path)


def test_safetensors_of_other_programs(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"embedding": np.eye(2)}, path)
    with pytest.raises(
        ValueError, match=r"has no tensor with ids; it has: embedding .*JSON list of n ids under `ids` in the metadata"
    ):
        read_embeddings(path)
    safetensors.numpy.save_file({"emb": np.eye(2)}, path)
    assert read_embeddings(path, number_rows=True).ids == ["0", "1"]
    safetensors.numpy.save_file({"embedding": np.eye(2)}, path, {"ids": json.dumps([1, 2])})
    assert list(read_embeddings(path).ids) == ["1", "2"]


def test_h5_of_other_programs(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["embedding"], file["ids"] = np.eye(2), np.array([b"a", b"b"])
        file.create_group("other")
    assert list(read_embeddings(path).ids) == ["a", "b"]
    with h5py.File(path, "w") as file:
        file.create_group("embedding")
    with pytest.raises(ValueError, match="contains no data sets"):
        read_embeddings(path)


def test_zarr_of_other_programs(tmp_path):
    path = tmp_path / "x.zarr"
    path.mkdir()
    with pytest.raises(ValueError, match="contains no arrays"):
        read_embeddings(path)
    write_embeddings(sample(), path)
    group = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps(group | {"attributes": {}}))
    with pytest.raises(
        ValueError, match="has no array with ids; a list `ids` in the attributes of the group would be read"
    ):
        read_embeddings(path)


def test_the_zarr_package_reads_and_writes_the_same_files(tmp_path):
    zarr = pytest.importorskip("zarr")
    want = sample()
    group = zarr.open_group(str(write_embeddings(want, tmp_path / "m.zarr")), mode="r")
    np.testing.assert_array_equal(group["embedding"][:], want.embedding)
    assert group.attrs["ids"] == want.ids
    for version in (2, 3):
        group = zarr.open_group(str(tmp_path / f"v{version}.zarr"), mode="w", zarr_format=version)
        group.create_array("embedding", data=want.embedding, chunks=(2, 2))
        group.create_array("ids", data=np.array(want.ids))
        got = read_embeddings(tmp_path / f"v{version}.zarr")
        np.testing.assert_array_equal(got.embedding, want.embedding)
        assert list(got.ids) == want.ids


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_keeps_the_old_file(tmp_path, suffix, monkeypatch):
    from hyle.zoo.embeddings import files as files_module

    path = write_embeddings(sample(), tmp_path / f"m{suffix}")
    before = sorted(tmp_path.iterdir())

    def half(scratch: Path, _content):
        scratch.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(files_module, "WRITERS", {suffix: half})
    with pytest.raises(OSError, match="disk full"):
        write_embeddings(sample(n=2), path)
    assert sorted(tmp_path.iterdir()) == before
    assert len(read_embeddings(path).ids) == 5


def test_bad_ids_are_not_written(tmp_path):
    for ids in (["a", "b\nc"], ["a", ""]):
        with pytest.raises(ValueError, match="the id in row 2"):
            write_embeddings(Representation("m", np.eye(2), ids), tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())
