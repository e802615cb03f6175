"""Odd and damaged arrays and folders of embeddings; the right values are known from how each file is made."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest

from hyle.zoo import SelectionError, read_embeddings

from .odd_files import IDS, TRUTH, D, N, check, refused


def test_torch_files_with_one_wrong_byte(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pt"
    torch.save({"embedding": torch.tensor(TRUTH), "ids": IDS}, path)
    content = bytearray(path.read_bytes())
    content[content.find(TRUTH.tobytes()) + 70] ^= 1
    path.write_bytes(content)
    refused(path, "x.pt: is damaged: the checksum of x/data/0 in it does not match")
    for damaged in (content[:-200], b"junk" * 99):
        path.write_bytes(damaged)
        refused(path, "x.pt: is damaged, or not a file of PyTorch")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"embedding": torch.tensor(TRUTH), "ids": IDS}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    check(read_embeddings(path))  # written without checksums


def test_lists_in_torch_files(tmp_path):
    torch = pytest.importorskip("torch")
    matrix = torch.tensor(TRUTH)
    rows = list(matrix)
    for value in (
        (matrix, IDS),
        [IDS, matrix],
        {"data": (matrix, IDS)},
        [{"id": i, "embedding": row} for i, row in zip(IDS, rows, strict=True)],
        list(zip(IDS, rows, strict=True)),
        [(row, i) for i, row in zip(IDS, rows, strict=True)],
        {"embedding": [row[None] for row in rows], "ids": IDS},
        {"embedding": TRUTH.tolist(), "ids": IDS},
        {"embedding": matrix.to_sparse(), "ids": IDS},
        {"cls_repr": rows, "atomic_reprs": [torch.ones(k + 1, 3) for k in range(N)], "smiles": IDS},
    ):
        torch.save(value, tmp_path / "x.pt")
        check(read_embeddings(tmp_path / "x.pt"))
    refused(tmp_path / "x.pt", "atomic_reprs contains tensors of different shapes", key="atomic_reprs")
    torch.save(matrix, tmp_path / "x.pt")
    with pytest.raises(SelectionError, match="--key does not apply"):
        read_embeddings(tmp_path / "x.pt", key="embedding", number_rows=True)


def test_folders_of_esm(tmp_path):
    torch = pytest.importorskip("torch")
    labels = [f"sp/{i}" if k % 2 else i for k, i in enumerate(IDS)]  # a slash makes a subfolder
    for label, row in zip(labels, TRUTH, strict=True):
        (tmp_path / label).parent.mkdir(exist_ok=True)
        torch.save({"label": label, "mean_representations": {33: torch.tensor(row)}}, tmp_path / f"{label}.pt")
    got = read_embeddings(tmp_path)
    order = [labels.index(i) for i in got.ids]
    assert sorted(order) == list(range(N))
    np.testing.assert_array_equal(got.embedding, TRUTH[order])
    damaged = tmp_path / "sp" / "z.pt"
    damaged.write_bytes(b"")
    refused(tmp_path, "sp/z.pt is empty")
    damaged.write_bytes((tmp_path / f"{IDS[0]}.pt").read_bytes()[:-100])
    refused(tmp_path, "sp/z.pt is damaged, or not a file of PyTorch")
    damaged.unlink()
    damaged.symlink_to(tmp_path / "nothing.pt")
    refused(tmp_path, "sp/z.pt is a broken link")


def test_vectors_in_subfolders(tmp_path):
    for label, row in zip(("a", "C/C=C", "C/CO"), TRUTH, strict=False):
        (tmp_path / label).parent.mkdir(exist_ok=True)
        np.save(tmp_path / f"{label}.npy", row)
    got = read_embeddings(tmp_path)
    assert list(got.ids) == ["C/C=C", "C/CO", "a"]
    np.testing.assert_array_equal(got.embedding, TRUTH[[1, 2, 0]])
    (tmp_path / "C" / "back").symlink_to(tmp_path)
    assert len(read_embeddings(tmp_path).ids) == 3
    with (tmp_path / "C" / "CO.npy").open("r+b") as stream:
        stream.truncate(130)
    refused(tmp_path, r"C/CO\.npy: is damaged: the array should have 40 bytes, and the file has only 2")


def test_a_data_set_of_hugging_face_without_its_state(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{}")
    refused(tmp_path, r"its state\.json is missing: save it again with save_to_disk")
    for state, problem in (("{", "is damaged"), ("[]", "is damaged"), ('{"_data_files": []}', "names no files")):
        (tmp_path / "state.json").write_text(state)
        refused(tmp_path, rf"its state\.json {problem}")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_hierarchies(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    numbers = [str(i) for i in range(N)]

    def group(name: str):
        return zarr.open_group(str(tmp_path / name), mode="w", zarr_format=version)

    zarr.save_array(str(tmp_path / "root.zarr"), TRUTH, zarr_format=version)
    refused(tmp_path / "root.zarr", "is an array without ids. .* --ids rows")
    got = read_embeddings(tmp_path / "root.zarr", number_rows=True)
    check(got, ids=numbers)
    assert got.recipe["read_as"].startswith("root.zarr: 12 x 5 from the array")
    array = zarr.open_array(str(tmp_path / "root.zarr"), mode="r+")
    array.attrs["ids"] = IDS
    check(read_embeddings(tmp_path / "root.zarr"))

    nested = group("nested.zarr")
    for part, scale in (("train", 1), ("test", 2)):
        nested.create_array(f"{part}/model/embeddings", data=scale * TRUTH)
        nested[f"{part}/model"].attrs["ids"] = [f"{part}-{i}" for i in IDS]
    nested.create_array("time", data=np.arange(N).astype("M8[s]"))
    refused(tmp_path / "nested.zarr", "test/model/embeddings .*train/model/embeddings")
    for part, scale in (("train", 1), ("test", 2)):
        got = read_embeddings(tmp_path / "nested.zarr", key=f"{part}/model/embeddings")
        check(got, scale * TRUTH, [f"{part}-{i}" for i in IDS])

    for attribute in ("run-7", ["a", "b"], 3, None):
        named = group("named.zarr")
        named.create_array("embedding", data=TRUTH)
        named.create_array("ids", data=np.arange(N))
        named.attrs["id"] = attribute
        check(read_embeddings(tmp_path / "named.zarr"), ids=numbers)
    named.attrs["id"] = IDS
    check(read_embeddings(tmp_path / "named.zarr"))
    check(read_embeddings(tmp_path / "named.zarr", id_column="ids"), ids=numbers)
    (tmp_path / "named.zarr" / "ids" / ("zarr.json" if version == 3 else ".zarray")).write_text("{")
    refused(tmp_path / "named.zarr", r"ids/\.?z[a-z.]* is damaged")


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("array", [False, True])
def test_sparse_matrices_of_scipy(tmp_path, kind, array):
    import scipy.sparse

    matrix = scipy.sparse.random(N, 30, 0.2, random_state=0, format=kind)
    matrix = getattr(scipy.sparse, f"{kind}_array")(matrix) if array else matrix
    scipy.sparse.save_npz(tmp_path / "x.npz", matrix)
    dense = matrix.toarray()
    assert dense.any()
    check(read_embeddings(tmp_path / "x.npz", number_rows=True), dense, [str(i) for i in range(N)])
    refused(tmp_path / "x.npz", "is a sparse matrix without ids")
    with np.load(tmp_path / "x.npz") as parts:
        np.savez(tmp_path / "y.npz", **parts, ids=np.array(IDS))
        check(read_embeddings(tmp_path / "y.npz"), dense)
        np.savez(tmp_path / "z.npz", **{name: part for name, part in parts.items() if name != "format"})
    if kind in ("csr", "csc", "bsr"):
        refused(tmp_path / "z.npz", r"sparse matrix without its format: save it with scipy\.sparse\.save_npz")


def test_arrays_of_other_libraries_and_damaged_ones(tmp_path):
    import ml_dtypes

    for name, shown in (("bfloat16", "V2: NumPy writes bfloat16"), ("float8_e4m3fn", "V1: NumPy writes 8-bit floats")):
        narrow = TRUTH.astype(getattr(ml_dtypes, name))
        np.save(tmp_path / "x.npy", narrow)
        refused(tmp_path / "x.npy", rf"the array has the dtype \|{shown}.* save them as float32, or as \.safetensors")
        for key in ("embedding", "anything"):
            np.savez(tmp_path / "x.npz", **{key: narrow, "ids": np.array(IDS)})
            refused(tmp_path / "x.npz", rf"{key} has the dtype \|{shown}")
    np.save(tmp_path / "x.npy", TRUTH)
    with (tmp_path / "x.npy").open("r+b") as stream:
        stream.truncate(128 + TRUTH.nbytes - 1)
    refused(tmp_path / "x.npy", "is damaged: the array should have 480 bytes, and the file has only 479")
    np.save(tmp_path / "x.npy", TRUTH)
    (tmp_path / "x.ids.txt").symlink_to(tmp_path / "nothing.txt")
    refused(tmp_path / "x.npy", r"x\.ids\.txt is a broken link")
    np.savez(tmp_path / "x.npz", embedding=TRUTH, ids=np.array(IDS))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("__MACOSX/._ids.npy", "junk")
    check(read_embeddings(tmp_path / "x.npz"))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("ids.npy", "junk")
    refused(tmp_path / "x.npz", "contains several arrays called 'ids'")
    np.savez(tmp_path / "x.npz", embedding=TRUTH, ids=np.array(IDS))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[content.find(TRUTH.tobytes())] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    refused(tmp_path / "x.npz", "is damaged: embedding: Bad CRC-32")


def test_anndata_that_was_not_written_in_full(tmp_path):
    anndata = pytest.importorskip("anndata")
    import pandas as pd

    obs = pd.DataFrame(
        {
            "number": np.arange(N),
            "real": np.arange(N) / 2,
            "day": pd.date_range("2020", periods=N).strftime("%d"),
            "flag": [True] * N,
            "part": pd.Categorical([None, *IDS[1:]]),
        },
        index=IDS,
    )
    path = tmp_path / "x.h5ad"
    anndata.AnnData(TRUTH, obs=obs).write_h5ad(path)
    check(read_embeddings(path))
    check(read_embeddings(path, id_column="number"), ids=[str(i) for i in range(N)])
    check(read_embeddings(path, id_column="day"), ids=[f"{i + 1:02d}" for i in range(N)])
    for name, kind in (("real", "float64"), ("flag", "bool")):
        refused(path, f"the ids in {name} are of type {kind}: save them as text or as integers", id_column=name)
    refused(path, "the id in row 1 is None", id_column="part")
    with h5py.File(path, "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        data = file.create_dataset("X", (N, D), "f8", chunks=(4, D))
        data[:4] = TRUTH[:4]
        data.attrs.update(attributes)
    refused(path, "data set X has 2 of 3 chunks missing")
    with h5py.File(path, "r+") as file:
        del file["obs"]
    refused(path, r"has no table of observations \(obs\)")
