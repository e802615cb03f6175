"""Arrays and folders of embeddings as other programs write them; the right values are known from how each is made."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
import safetensors.numpy

from hyle.zoo import read_embeddings, write_embeddings

from .kinds_of_files import IDS, TRUTH, N, check, refused


def test_vectors_under_each_id(tmp_path):
    keyed = dict(zip(IDS, TRUTH, strict=True))
    np.savez(tmp_path / "x.npz", **keyed)
    safetensors.numpy.save_file(keyed, tmp_path / "x.safetensors")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, row in keyed.items():
            file[name] = row
    with h5py.File(tmp_path / "original.h5", "w") as file:
        for i, (name, row) in enumerate(keyed.items()):
            file[str(i)] = row[None]
            file[str(i)].attrs["original_id"] = name
    for name in ("x.npz", "x.safetensors", "x.h5"):
        check(
            read_embeddings(tmp_path / name), f"{name}: 60 x 6 from one vector under each id, ids from the names of "
            "the arrays"
        )  # fmt: skip
    got = read_embeddings(tmp_path / "original.h5")
    assert got.recipe["read_as"].endswith("ids from the attribute original_id")
    order = [got.ids.index(i) for i in IDS]
    np.testing.assert_array_equal(got.embedding[order], TRUTH)


def test_matrices_per_residue_are_refused_in_a_few_words(tmp_path):
    rng = np.random.default_rng(1)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in [f"A{i:06d}" for i in range(3000)]:
            file[name] = rng.normal(size=(rng.integers(2, 9), 4)).astype("f2")
    refused(tmp_path / "x.h5", "contains one matrix per id .*: average each over its first axis")


def test_named_arrays(tmp_path):
    names = np.array(IDS)
    np.savez(tmp_path / "a.npz", features=TRUTH, names=names, y=TRUTH[:, 0])
    check(read_embeddings(tmp_path / "a.npz"), "a.npz: 60 x 6 from features, ids from names, ignored: y")
    np.savez(tmp_path / "b.npz", X=TRUTH, anything=names, classes=np.array(["a", "b"] * 30))
    check(read_embeddings(tmp_path / "b.npz"), "b.npz: 60 x 6 from X, ids from anything, ignored: classes")
    np.savez(tmp_path / "c.npz", embeddings=TRUTH, coords=np.ones((N, 3)), ids=names)
    check(read_embeddings(tmp_path / "c.npz"), "c.npz: 60 x 6 from embeddings, ids from ids, ignored: coords")
    np.savez(tmp_path / "d.npz", TRUTH)
    refused(
        tmp_path / "d.npz", "has no array with ids; it has: arr_0 .* give a file with --ids FILE, or number the row"
    )
    got = read_embeddings(tmp_path / "d.npz", number_rows=True)
    assert (got.ids[:2], got.row_numbers) == (["0", "1"], True)
    np.savez(tmp_path / "e.npz", one=TRUTH, two=TRUTH, ids=names)
    refused(tmp_path / "e.npz", r"several matrices: choose one with --key; it has: one \[60, 6\], two \[60, 6\], ids")
    check(read_embeddings(tmp_path / "e.npz", key="two"), "e.npz: 60 x 6 from two, ids from ids, ignored: one")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["model/embeddings"], file["model/names"] = TRUTH, IDS
    check(read_embeddings(tmp_path / "f.h5"), "f.h5: 60 x 6 from model/embeddings, ids from model/names")


def test_a_sparse_matrix(tmp_path):
    import scipy.sparse

    scipy.sparse.save_npz(tmp_path / "x.npz", scipy.sparse.csr_matrix(TRUTH))
    refused(tmp_path / "x.npz", "is a sparse matrix without ids.*--ids FILE")
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    got = read_embeddings(tmp_path / "x.npz", ids_path=tmp_path / "ids.txt")
    check(got, "x.npz: 60 x 6 from a sparse matrix, ids from ids.txt")


def test_files_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(TRUTH)
    torch.save({"embeddings": tensor, "ids": IDS}, tmp_path / "a.pt")
    check(read_embeddings(tmp_path / "a.pt"), "a.pt: 60 x 6 from embeddings, ids from ids")
    torch.save(dict(zip(IDS, tensor, strict=True)), tmp_path / "b.pth")
    check(read_embeddings(tmp_path / "b.pth"), "b.pth: 60 x 6 from one vector under each id, ids from the names of the "
          "arrays")  # fmt: skip
    torch.save(tensor.bfloat16(), tmp_path / "c.pt")
    got = read_embeddings(tmp_path / "c.pt", number_rows=True)
    assert str(got.embedding.dtype) == "bfloat16"
    np.testing.assert_array_equal(got.embedding.astype("f4"), tensor.bfloat16().float().numpy())
    refused(tmp_path / "c.pt", "is a tensor without ids")
    torch.save({"layers": {"1": tensor + 1, "2": tensor}, "names": IDS}, tmp_path / "d.pt")
    refused(tmp_path / "d.pt", r"choose one with --key; it has: layers/1 \[60, 6\], layers/2")
    check(read_embeddings(tmp_path / "d.pt", key="layers/2"), "d.pt: 60 x 6 from layers/2, ids from names, ignored: "
          "layers/1")  # fmt: skip
    torch.save({"x": Path(), "embedding": tensor}, tmp_path / "e.pt")
    refused(tmp_path / "e.pt", "contains Python objects, which are never loaded")


def test_the_folder_of_esms_extract_script(tmp_path):
    torch = pytest.importorskip("torch")
    for name, row in zip(IDS[:10], torch.tensor(TRUTH), strict=False):
        means = {33: row, 30: row + 1}
        torch.save(
            {"label": name, "mean_representations": means, "representations": {33: row[None]}}, tmp_path / f"{name}.pt"
        )
    refused(tmp_path, "contains several layers: choose one with --key: 33, 30")
    source = f"{tmp_path.name}: 10 x 6 from mean_representations of layer 33, ids from the labels"
    check(read_embeddings(tmp_path, key="33"), source, ids=IDS[:10])
    refused(tmp_path / "P00000.pt", "is one sample of a folder that ESM's extract script wrote: give the folder")
    torch.save({"label": "x", "representations": {33: torch.ones(4, 6)}}, tmp_path / "P00000.pt")
    refused(tmp_path, "P00000.pt has no mean_representations: .* --include mean", key="33")


def test_a_folder_with_one_vector_per_file(tmp_path):
    for name, row in zip(IDS, TRUTH, strict=True):
        np.save(tmp_path / f"{name}.npy", row)
    check(
        read_embeddings(tmp_path), f"{tmp_path.name}: 60 x 6 from one vector per file, ids from the names of the files"
    )
    np.save(tmp_path / "P00003.npy", TRUTH)
    refused(tmp_path, r"P00003.npy has the shape \[60, 6\]")


def test_a_data_set_of_hugging_face(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    table = pa.table({"name": IDS[::-1], "vector": TRUTH[::-1].tolist(), "label": [0] * N})
    files = []
    for part, rows in enumerate((table[:20], table[20:])):
        files.append({"filename": f"data-{part:05d}-of-00002.arrow"})
        with pa.ipc.new_stream(folder / files[-1]["filename"], table.schema) as sink:
            sink.write_table(rows)
    with pa.ipc.new_stream(folder / "indices.arrow", pa.schema({"indices": pa.uint64()})) as sink:
        sink.write_table(pa.table({"indices": pa.array(range(N)[::-1], pa.uint64())}))
    (folder / "dataset_info.json").write_text("{}")
    state = {"_data_files": files, "_indices_files": [{"filename": "indices.arrow"}]}
    (folder / "state.json").write_text(json.dumps(state))
    check(read_embeddings(folder), "saved: 60 x 6 from vector, ids from name, ignored: label")
    (folder / files[1]["filename"]).unlink()
    refused(folder, "data-00001-of-00002.arrow is missing")
    (tmp_path / "dataset_dict.json").write_text("{}")
    refused(tmp_path, "contains several data sets, each a folder: give one of them: saved")


def test_anndata(tmp_path):
    anndata = pytest.importorskip("anndata")
    import pandas as pd
    import scipy.sparse

    table = anndata.AnnData(scipy.sparse.csr_matrix(TRUTH), obs=pd.DataFrame({"other": IDS[::-1]}, index=IDS))
    table.write_h5ad(tmp_path / "x.h5ad")
    check(read_embeddings(tmp_path / "x.h5ad"), "x.h5ad: 60 x 6 from X, ids from the names of the observations")
    table.obsm["X_model"] = TRUTH + 1
    table.write_h5ad(tmp_path / "x.h5ad")
    refused(tmp_path / "x.h5ad", "several matrices: choose one with --key: X, obsm/X_model")
    for key in ("X_model", "obsm/X_model"):
        np.testing.assert_array_equal(read_embeddings(tmp_path / "x.h5ad", key=key).embedding, TRUTH + 1)
    assert list(read_embeddings(tmp_path / "x.h5ad", key="X", id_column="other").ids) == IDS[::-1]


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_floats_of_safetensors(tmp_path, name):
    torch = pytest.importorskip("torch")
    import safetensors.torch

    want = torch.tensor(TRUTH).to(getattr(torch, name))
    safetensors.torch.save_file({"embedding": want}, tmp_path / "x.safetensors", {"ids": json.dumps(IDS)})
    got = read_embeddings(tmp_path / "x.safetensors")
    assert str(got.embedding.dtype) == name
    np.testing.assert_array_equal(np.asarray(got.embedding, "f4"), want.float().numpy())
    write_embeddings(got, tmp_path / "y.safetensors")
    back = safetensors.torch.load_file(tmp_path / "y.safetensors")["embedding"]
    assert torch.equal(back.view(torch.uint8), want.view(torch.uint8))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"last_hidden_state": np.ones((N, 4, 3)), "attention_mask": np.ones((N, 4)), "ids": IDS},
            "that may be no emb",
        ),
        ({"hidden": np.ones((N, 4, 3)), "labels": np.ones((N, 3)), "ids": IDS}, "that may be no embeddings"),
        (
            {"R": np.ones((N, 4, 3)), "E": np.ones((N, 1)), "ids": IDS},
            "may be no embeddings: choose one with --key",
        ),
        ({"X_train": np.ones((9, 3)), "X_test": np.ones((5, 3))}, "several matrices: choose one with --key"),
        ({"f0": TRUTH[:, 0], "f1": TRUTH[:, 1], "f2": TRUTH[:, 2]}, "may be the columns of a table"),
        ({"y_true": TRUTH[:, 0], "y_pred": TRUTH[:, 1]}, "may be the columns of a table"),
    ],
)
def test_masks_labels_and_columns_are_not_taken_for_embeddings(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **{name: np.array(array) for name, array in arrays.items()})
    refused(tmp_path / "x.npz", message)


def test_anndata_by_its_specification(tmp_path):
    """The same files, written by HDF5 alone after the specification of the format."""
    import scipy.sparse

    text = h5py.string_dtype()
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        sparse, group = scipy.sparse.csr_matrix(TRUTH), file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": TRUTH.shape})
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(sparse, name)
        file["obsm/X_model"] = TRUTH + 1
        obs = file.create_group("obs")
        obs.attrs.update({"_index": "cell", "encoding-type": "dataframe", "column-order": ["kind", "score"]})
        obs.create_dataset("cell", data=IDS, dtype=text)
        obs.create_dataset("kind/categories", data=IDS[::-1], dtype=text)
        obs["kind/codes"] = np.arange(N, dtype="i1")
        obs["score"] = TRUTH[:, 0]
    source = "x.h5ad: 60 x 6 from X, ids from the names of the observations"
    check(read_embeddings(tmp_path / "x.h5ad", key="X"), source)
    got = read_embeddings(tmp_path / "x.h5ad", key="X_model", id_column="kind")
    assert list(got.ids) == IDS[::-1]
    np.testing.assert_array_equal(got.embedding, TRUTH + 1)
    refused(tmp_path / "x.h5ad", "the ids in score are of type float32", key="X", id_column="score")
