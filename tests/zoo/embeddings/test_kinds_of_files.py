"""Files of embeddings as other programs write them; the right values are known from how each is made."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from hyle.zoo import InputError, Representation, read_embeddings, write_embeddings

N, D = 60, 6
TRUTH = np.random.default_rng(0).normal(size=(N, D)).astype("float32")
IDS = [f"P{i:05d}" for i in range(N)]
FEATURES = {f"f{i}": TRUTH[:, i] for i in range(D)}
NAMES = [*FEATURES]


def check(got: Representation, read_as: str, *, atol: float = 0, ids: list[str] = IDS) -> None:
    assert list(got.ids) == ids
    np.testing.assert_allclose(np.asarray(got.embedding, np.float64), TRUTH[: len(ids)], rtol=0, atol=atol)
    assert got.recipe["read_as"] == read_as


def refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_embeddings(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert "\n" not in str(caught.value)


def vectors() -> list[list[float]]:
    return TRUTH.tolist()


@pytest.mark.parametrize(
    ("columns", "source"),
    [
        ({"id": IDS, "vector": vectors(), "n_atoms": list(range(N))}, "vector, ids from id, ignored: n_atoms"),
        ({"id": IDS, "emb": vectors()}, "emb, ids from id"),
        ({"embedding": vectors(), "uniprot_id": IDS}, "embedding, ids from uniprot_id"),
        ({"id": IDS, **FEATURES, "split": [0, 1] * 30, "y": TRUTH[:, 0]}, "f0..f5, ids from id, ignored: split, y"),
        ({**FEATURES, "note": ["same"] * N, "entry": IDS}, "f0..f5, ids from entry, ignored: note"),
        ({**FEATURES, "anything": IDS}, "f0..f5, ids from anything"),
        ({"ids": IDS, **{str(i): TRUTH[:, i] for i in range(D)}}, "0..5, ids from ids"),
        ({"ids": IDS, **{f"PC{i + 1}": TRUTH[:, i] for i in range(D)}}, "PC1..PC6, ids from ids"),
        ({"id": IDS, "label": [0] * N, "fold": [1] * N, **FEATURES}, "f0..f5, ids from id, ignored: label, fold"),
        # Wide tables are not in numerical order if their columns were sorted as text.
        ({"id": IDS, **{name: FEATURES[name] for name in sorted(NAMES, reverse=True)}}, "f0..f5, ids from id"),
    ],
)
def test_columnar_tables(tmp_path, columns, source):
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "x.parquet")
    feather.write_feather(table, tmp_path / "x.feather")
    with pa.ipc.new_stream(tmp_path / "stream.arrow", table.schema) as sink:
        sink.write_table(table)
    with pa.ipc.new_file(tmp_path / "file.arrow", table.schema) as sink:
        sink.write_table(table)
    for name in ("x.parquet", "x.feather", "stream.arrow", "file.arrow"):
        check(read_embeddings(tmp_path / name), f"{name}: 60 x 6 from {source}")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": IDS, "a": TRUTH[:, 0], "b": TRUTH[:, 1]}, r"no series such as f0, f1, ...: a, b; .* --columns 'a..b'"),
        ({"id": IDS, "f0": TRUTH[:, 0], "f1": TRUTH[:, 1], "f3": TRUTH[:, 2]}, "no series"),
        (
            {"id": IDS, **FEATURES, "g0": TRUTH[:, 0], "g1": TRUTH[:, 1]},
            r"numbered columns \(f0..f5; g0..g1\) and others",
        ),
        ({"id": IDS, "u": vectors(), "v": vectors()}, "contains lists: choose one of these columns with --key: u, v"),
        ({"one": IDS, "two": IDS[::-1], **FEATURES}, "several columns may be the ids: .* --id-column: one, two"),
        ({**FEATURES}, "has no column with ids; .* --ids rows"),
        ({"id": IDS, **FEATURES, "f6": ["x"] * N}, "column f6 contains text, and not numbers as f0..f5 do"),
    ],
)
def test_tables_that_leave_a_choice_are_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", message)


def test_columns_are_named_by_names_patterns_and_ranges(tmp_path):
    table = {"id": IDS, **FEATURES, "g0": TRUTH[:, 0], "g1": TRUTH[:, 1]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    for words in ("f*", "f0..f5", "f0, f1,f2..f5", "f0..f4,f5"):
        check(read_embeddings(tmp_path / "x.parquet", columns=words), f"x.parquet: 60 x 6 from {words}, ids from id, "
              "ignored: g0, g1")  # fmt: skip
    assert read_embeddings(tmp_path / "x.parquet", columns="*").embedding.shape == (N, D + 2)
    refused(tmp_path / "x.parquet", "--columns h: there is no such column of numbers; it has: id, f0", columns="h")
    refused(tmp_path / "x.parquet", "--columns: id contains text, not one number per row", columns="id,f0")
    refused(tmp_path / "x.parquet", "--key embeddings: there is no such column", key="embeddings")
    refused(tmp_path / "x.parquet", "--id-column name: there is no such column", id_column="name")


def test_the_index_of_pandas(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(TRUTH, columns=NAMES)
    rows = [str(i) for i in range(N)]
    for index, source, ids in (
        (pd.Index(IDS, name="protein_id"), "protein_id", IDS),
        (pd.Index(IDS), "the index", IDS),
        (pd.Index(range(100, 100 + N), name="id"), "id", [str(i) for i in range(100, 100 + N)]),
        (pd.RangeIndex(N), "the index (row numbers from 0)", rows),
    ):
        frame.index = index
        frame.to_parquet(tmp_path / "x.parquet")
        check(read_embeddings(tmp_path / "x.parquet"), f"x.parquet: 60 x 6 from f0..f5, ids from {source}", ids=ids)
        frame.to_csv(tmp_path / "x.csv")
        check(read_embeddings(tmp_path / "x.csv"), f"x.csv: 60 x 6 from f0..f5, ids from {source}", ids=ids, atol=1e-6)
    assert read_embeddings(tmp_path / "x.parquet").row_numbers
    frame.index = pd.RangeIndex(1, N + 1)
    frame.to_csv(tmp_path / "x.csv")
    assert not read_embeddings(tmp_path / "x.csv").row_numbers
    frame.assign(id=range(1000, 1000 + N)).to_csv(tmp_path / "x.csv")
    got = read_embeddings(tmp_path / "x.csv")
    assert (list(got.ids[:2]), got.embedding.shape) == (["1000", "1001"], (N, D))
    assert "ignored: (no name)" in got.recipe["read_as"]


def csv_text(delimiter: str = ",", decimal: str = ".", *, last: bool = False, ids: list[str] = IDS) -> str:
    rows = [
        ["id", *NAMES],
        *([i, *(repr(float(v)).replace(".", decimal) for v in row)] for i, row in zip(ids, TRUTH, strict=True)),
    ]
    return "".join(delimiter.join([*row[1:], row[0]] if last else row) + "\n" for row in rows)


def test_text_tables(tmp_path):
    def zst(data: bytes) -> bytes:
        return pa.compress(data, codec="zstd", asbytes=True)

    text = csv_text().encode()
    packed = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zst}
    files = {f"x.csv{suffix}": pack(text) for suffix, pack in packed.items()}
    files |= {"x.csv": text, "bom.csv": b"\xef\xbb\xbf" + text, "crlf.csv": text.replace(b"\n", b"\r\n")}
    files |= {"t.tsv": csv_text("\t").encode(), "last.csv": csv_text(last=True).encode()}
    files |= {"german.csv": csv_text(";", ",").encode(), "semicolon.csv": csv_text(";").encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        got = read_embeddings(tmp_path / name)
        check(got, f"{name}: 60 x 6 from f0..f5, ids from id", atol=1e-9)
        assert got.name == name.split(".")[0]


def test_ids_are_text(tmp_path):
    ids = ["007", "1e5", "1E10", "T", "NA", "1.50", "nan", "2024-01-31", "+1", "-0", "0x1F", "True", "null", "12"]
    ids += IDS[len(ids) :]
    (tmp_path / "x.csv").write_text(csv_text(ids=ids))
    (tmp_path / "x.tsv").write_text(csv_text("\t", ids=ids))
    lines = [json.dumps({"id": i, "vector": v}) for i, v in zip(ids, vectors(), strict=True)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    pq.write_table(pa.table({"id": ids, **FEATURES}), tmp_path / "x.parquet")
    for name in ("x.csv", "x.tsv", "x.jsonl", "x.parquet"):
        assert list(read_embeddings(tmp_path / name).ids) == ids
    for suffix in (".npz", ".npy", ".parquet", ".safetensors", ".csv", ".h5", ".zarr"):
        written = write_embeddings(Representation("m", TRUTH, ids), tmp_path / f"own{suffix}")
        assert list(read_embeddings(written).ids) == ids


def test_json_lines(tmp_path):
    lines = [json.dumps({"key": i, "embedding": v, "y": 1}) for i, v in zip(IDS, vectors(), strict=True)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    for name in ("x.jsonl", "x.jsonl.gz"):
        check(read_embeddings(tmp_path / name), f"{name}: 60 x 6 from embedding, ids from key, ignored: y")
    (tmp_path / "x.jsonl").write_text("[1, 2]\n")
    refused(tmp_path / "x.jsonl", "line 1 is not a JSON object")


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


def test_parts_of_one_table(tmp_path):
    for part, rows in enumerate((slice(0, 20), slice(20, None))):
        columns = {"id": IDS[rows], **{name: column[rows] for name, column in FEATURES.items()}}
        pq.write_table(pa.table(columns), tmp_path / f"part-{part}.parquet")
    check(read_embeddings(tmp_path), f"{tmp_path.name}: 60 x 6 from f0..f5, ids from id")


def test_lists_in_cells(tmp_path):
    import csv

    forms = {"json": json.dumps, "python": str, "numpy": lambda v: str(np.array(v)).replace("\n", " ")}
    for name, form in forms.items():
        with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(
                [["id", "embedding"], *([i, form(v)] for i, v in zip(IDS, vectors(), strict=True))]
            )
        got = read_embeddings(tmp_path / f"{name}.csv")
        check(got, f"{name}.csv: 60 x 6 from embedding, ids from id", atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        # Few numbered columns among many others are folds, or a few descriptors of a table.
        ({"id": IDS, "cv_fold_1": [0] * N, "cv_fold_2": [1] * N, "MolWt": TRUTH[:, 0]}, "numbered columns"),
        (
            {"id": IDS, "Kappa1": TRUTH[:, 0], "Kappa2": TRUTH[:, 1], "MolWt": TRUTH[:, 2], "TPSA": TRUTH[:, 3]},
            "'Kappa1",
        ),
        ({"id": IDS, "task1": TRUTH[:, 0], "task2": TRUTH[:, 1]}, r"--columns 'task1\.\.task2'"),
        # A list beside numbered columns, and lists of tokens.
        ({"id": IDS, "dipole": TRUTH[:, :3].tolist(), **FEATURES}, "lists: choose one of these columns with --key, or"),
        ({"id": IDS, "input_ids": [[1, 2]] * N}, "choose one of these columns with --key: input_ids"),
        ({"id": [[1, 2]] * N, **FEATURES}, "has no column with ids|of type"),
    ],
)
def test_labels_tokens_and_descriptors_are_not_taken_for_features(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", message)


def test_what_a_message_suggests_works(tmp_path):
    table = {"id": IDS, "MolWt": TRUTH[:, 0], "number": list(range(N)), "note": ["a"] * N, "Log P": TRUTH[:, 1]}
    pq.write_table(pa.table({**table, "energies": TRUTH[:, 2].astype("f8")}), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", r"--columns 'MolWt\.\.Log P'")
    got = read_embeddings(tmp_path / "x.parquet", columns="MolWt..Log P")
    np.testing.assert_array_equal(got.embedding, np.stack([TRUTH[:, 0], range(N), TRUTH[:, 1]], 1))
    pq.write_table(pa.table({"id": IDS, "a,b": TRUTH[:, 0], "c": TRUTH[:, 1]}), tmp_path / "x.parquet")
    refused(tmp_path / "x.parquet", r"--columns '\*'")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "x.parquet", columns="*").embedding, TRUTH[:, :2])
    pq.write_table(
        pa.table({"id": IDS, "f2": TRUTH[:, 2], "f0": TRUTH[:, 0], "f1": TRUTH[:, 1]}), tmp_path / "x.parquet"
    )
    for options in ({}, {"columns": "f0..f2"}):
        np.testing.assert_array_equal(read_embeddings(tmp_path / "x.parquet", **options).embedding, TRUTH[:, :3])


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


def test_ids_are_those_of_the_samples(tmp_path):
    smiles, folds = [f"C{'C' * i}" for i in range(N)], np.arange(N)
    np.savez(tmp_path / "x.npz", X=TRUTH, fold_id=folds, smiles=np.array(smiles), feature_names=np.array(NAMES))
    assert list(read_embeddings(tmp_path / "x.npz").ids) == smiles
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for part, scale in (("train", 1), ("test", 2)):
            file[f"{part}/X"], file[f"{part}/ids"] = scale * TRUTH, [f"{part}{i}" for i in range(N)]
    got = read_embeddings(tmp_path / "x.h5", key="test/X")
    assert (got.ids[0], got.recipe["read_as"]) == (
        "test0",
        "x.h5: 60 x 6 from test/X, ids from test/ids, ignored: train/X, train/ids",
    )
    with h5py.File(tmp_path / "y.h5", "w") as file:
        for name, row in zip(("C/C=C/Br", "F/C=C/Cl", "CCO"), TRUTH, strict=False):
            file[name] = row
    assert sorted(read_embeddings(tmp_path / "y.h5").ids) == ["C/C=C/Br", "CCO", "F/C=C/Cl"]
    with h5py.File(tmp_path / "z.h5", "w") as file:
        for name, row in zip(IDS, TRUTH, strict=True):
            file[f"{name}/embedding"] = row
    source = "z.h5: 60 x 6 from one vector under each id, ids from the names of the arrays"
    check(read_embeddings(tmp_path / "z.h5"), source)
    pq.write_table(pa.table({"id": [i.encode() for i in IDS], **FEATURES}), tmp_path / "b.parquet")
    check(read_embeddings(tmp_path / "b.parquet"), "b.parquet: 60 x 6 from f0..f5, ids from id")


def test_only_0_to_n_are_row_numbers(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(TRUTH, columns=NAMES)
    frame.iloc[5:].to_csv(tmp_path / "x.csv")
    frame.iloc[5:].rename_axis("index").to_csv(tmp_path / "y.csv")
    for name in ("x.csv", "y.csv"):
        got = read_embeddings(tmp_path / name)
        assert (got.ids[0], got.row_numbers) == ("5", False)


def test_parts_of_a_table_have_their_own_index(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(TRUTH, columns=NAMES)
    for part in range(12):
        frame.iloc[5 * part : 5 * part + 5].to_parquet(tmp_path / f"part-{part}.parquet")
    got = read_embeddings(tmp_path)
    np.testing.assert_array_equal(got.embedding[np.argsort([int(i) for i in got.ids])], TRUTH)
    frame.iloc[:5].to_parquet(tmp_path / "part-3.parquet")
    refused(tmp_path, "the id '0' is in rows")
    frame.iloc[:5].rename(columns={"f0": "g0"}).to_parquet(tmp_path / "part-3.parquet")
    refused(tmp_path, "f0|are no parts of one table")


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
