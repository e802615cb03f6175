"""Tables of embeddings as other programs write them; the right values are known from how each is made."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from hyle.zoo import Representation, read_embeddings, write_embeddings

from .kinds_of_files import FEATURES, IDS, NAMES, TRUTH, D, N, check, csv_text, refused, vectors


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
