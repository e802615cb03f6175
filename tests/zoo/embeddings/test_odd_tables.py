"""Odd and damaged tables of embeddings; the right values are known from how each file is made."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyle.zoo import read_embeddings

from .odd_files import HEADER, IDS, NAMES, TRUTH, N, check, lines, refused, table


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "header", [f"\n\n{HEADER}", f"  \n{HEADER}", 'id,f0,f1,f2,f3,"f\n4"', '"i\nd",0,1,2,3,4', 'id,0,1,2,"3\n\n3",4']
)
def test_a_header_after_blank_lines_and_with_line_ends_in_it(tmp_path, header, end):
    (tmp_path / "x.csv").write_bytes(table(header).replace("\n", end).encode())
    check(read_embeddings(tmp_path / "x.csv", columns="*"))


def test_other_encodings_and_delimiters(tmp_path):
    text = table(HEADER)
    path = tmp_path / "x.csv"
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        path.write_bytes(text.encode(encoding))
        check(read_embeddings(path))
    path.write_text("sep=;\n" + table(HEADER.replace(",", ";"), delimiter=";"))
    check(read_embeddings(path))
    path.write_text('id;"a,b,c,d,e,f,g";' + ";".join(NAMES) + "\n" + "".join(
        f"{i};note;{';'.join(map(str, x))}\n" for i, x in zip(IDS, TRUTH, strict=True)))  # fmt: skip
    check(read_embeddings(path))
    # With a decimal point in the features, a comma in the ids is no decimal mark.
    numbered = [f"{i},5" for i in range(N)]
    path.write_text(
        table(HEADER.replace(",", ";"), [[i, *x] for i, x in zip(numbered, TRUTH.tolist(), strict=True)], ";")
    )
    check(read_embeddings(path), ids=numbered)
    path.with_suffix(".tsv").write_text(text)
    check(read_embeddings(path.with_suffix(".tsv")))


def test_text_that_is_not_utf8_is_named(tmp_path):
    latin = table(HEADER + ",note", [[i, *x, "é"] for i, x in zip(IDS, TRUTH, strict=True)]).encode("latin-1")
    (tmp_path / "x.csv").write_bytes(latin)
    check(read_embeddings(tmp_path / "x.csv"))  # the column that is not read does not matter
    refused(tmp_path / "x.csv", "column note is not UTF-8: .* iconv -f WINDOWS-1252 -t UTF-8", id_column="note")
    (tmp_path / "x.csv").write_bytes(table(HEADER.replace("f1", "é")).encode("latin-1"))
    refused(tmp_path / "x.csv", "the header line is not UTF-8: .* iconv")
    (tmp_path / "x.csv").write_bytes(table(HEADER).encode("utf-16-le"))
    refused(tmp_path / "x.csv", "UTF-16 without a byte order mark: save it as UTF-8")
    (tmp_path / "x.jsonl").write_bytes('{"id": "é", "embedding": [1, 2]}\n'.encode("latin-1"))
    refused(tmp_path / "x.jsonl", "line 1 is not UTF-8: .* iconv")
    np.save(tmp_path / "x.npy", TRUTH)
    (tmp_path / "x.ids.txt").write_bytes("é\n".encode("latin-1") * N)
    refused(tmp_path / "x.npy", r"x\.ids\.txt is not UTF-8: .* iconv")


def test_numbers_as_names_of_columns(tmp_path):
    import pandas as pd

    path = tmp_path / "x.csv"
    pd.DataFrame(TRUTH).to_csv(path, index=False)
    refused(path, "has no column with ids; it has: 0, 1, 2, 3, 4. .* --ids rows")
    check(read_embeddings(path, number_rows=True), ids=[str(i) for i in range(N)])
    pd.DataFrame(TRUTH > 0, dtype=int).to_csv(path, index=False)
    check(read_embeddings(path, number_rows=True), TRUTH > 0, [str(i) for i in range(N)])
    pd.DataFrame(TRUTH, IDS).to_csv(path)
    check(read_embeddings(path))
    path.write_text(table("id,1,2,3,4,5"))
    check(read_embeddings(path))
    path.write_text(table("compound_name,0,1,2,3,4"))
    check(read_embeddings(path))
    for names in ("400,402,404,406,408", "400.5,401,401.5,402,402.5"):
        path.write_text(table(f"id,{names}"))
        refused(path, "whose names are no series")
    path.write_text(table("id,400,402,404,406,408"))
    refused(path, r"--columns '400\.\.408'")
    check(read_embeddings(path, columns="400..408"))


@pytest.mark.parametrize(
    "text",
    [
        "m0,0,1\nm1,1,0\nm2,0,1\n",
        "m0,1,0,0,1\nm1,1,0,0,1\n",
        "0,1,2,3\n1,5,6,7\n2,8,9,1\n",  # ids from 0 and integers
        "m0,0.5,-1.5\nm1,0.25,2\n",
        "m0,1e-3,2\nm1,0.25,2\n",
        "m0;0,5;1,5\nm1;0,25;2,5\n",
        '"m0","[0.1, 0.2]"\n"m1","[0.3, 0.4]"\n',
        "0.5,0.25\n0.125,0.5\n",
        "0.5,0.25,m0\n0.125,0.5,m1\n",
        "m0,NA,0.5\nm1,0.5,0.5\n",
    ],
)
def test_a_first_sample_is_not_taken_for_the_header(tmp_path, text):
    (tmp_path / "x.csv").write_text(text)
    refused(tmp_path / "x.csv", "has no header line: add one such as id[,;]0", columns="*")


def test_a_first_line_that_may_be_a_sample_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    rows = "aspirin,1,0\nbenzene,0,0\nurea,0,1\n"
    for first in ("phenol,0,1", "drug,0,1"):
        path.write_text(f"{first}\n{rows}")
        refused(
            path, f"may have no header line: its first line is {first}; if these are names, call the first column id"
        )
    path.write_text(f"id,0,1\n{rows}")
    check(read_embeddings(path), np.array([[1, 0], [0, 0], [0, 1]]), ["aspirin", "benzene", "urea"])
    path.write_text("0,1\n1,0\n1,1\n")
    refused(path, "may have no header line: .* let them begin with a letter, such as f0", number_rows=True)
    path.write_text("f0,f1\n1,0\n1,1\n")
    check(read_embeddings(path, number_rows=True), np.array([[1, 0], [1, 1]]), ["0", "1"])


@pytest.mark.parametrize("word", ["NA", "NaN", "nan", "null", "None", "N/A", "", " NA ", "<NA>"])
@pytest.mark.parametrize("row", [0, 3, 250])
def test_missing_numbers(tmp_path, word, row):
    want = np.arange(2.0 * 300).reshape(300, 2) / 4
    cells = [[f"m{i}", *map(str, x)] for i, x in enumerate(want)]
    cells[row][1] = word
    want[row, 0] = np.nan
    # Of ids, these are text.
    cells[7][0] = "NA"
    (tmp_path / "x.csv").write_text(table("id,f0,f1", cells))
    check(read_embeddings(tmp_path / "x.csv"), want, [row[0] for row in cells])


def test_a_column_without_numbers_in_the_first_rows(tmp_path):
    rows = [[f"m{i}", i, "" if i < 220 else 0.5] for i in range(230)]
    (tmp_path / "x.csv").write_text(table("id,f0,f1", rows))
    want = np.array([[i, np.nan if i < 220 else 0.5] for i in range(230)])
    check(read_embeddings(tmp_path / "x.csv"), want, [f"m{i}" for i in range(230)])
    rows[225][2] = "oops"
    (tmp_path / "x.csv").write_text(table("id,f0,f1", rows))
    refused(tmp_path / "x.csv", "column f1 contains text, and not numbers as")
    rows = [[f"m{i}", i, "oops" if i == 209 else 0.5] for i in range(230)]
    (tmp_path / "x.csv").write_text(table("id,f0,f1", rows))
    refused(tmp_path / "x.csv", "column f1: row 210 is not a number: oops")


def test_lists_are_lists_of_numbers(tmp_path):
    forms = {
        "numpy": lambda x: str([np.float64(v) for v in x]),
        "tuple": lambda x: str(tuple(x.tolist())),
        "nan": lambda x: str([float("nan"), *x.tolist()[1:]]),
        "null": lambda x: json.dumps([None, *x.tolist()[1:]]),
        "long": lambda x: json.dumps(x.tolist() * 8000),
    }
    for name, form in forms.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(table("id,embedding", [[i, form(x)] for i, x in zip(IDS, TRUTH, strict=True)]))
        want = np.tile(TRUTH, 8000) if name == "long" else TRUTH.copy()
        want[:, 0] = np.nan if name in ("nan", "null") else want[:, 0]
        check(read_embeddings(path), want)
    path = tmp_path / "x.csv"
    selfies = ["[C]" * (i + 1) for i in range(N)]
    path.write_text(
        table("selfies,elements,seq," + ",".join(NAMES), [[s, "['Fe', 'O']", "A" * 200_000, *x]
              for s, x in zip(selfies, TRUTH, strict=True)])
    )  # fmt: skip
    check(read_embeddings(path), ids=selfies)
    # Integers are tokens or atomic numbers more often than features.
    path.write_text(table("id,tokens", [[i, "[1, 2, 3]"] for i in IDS]))
    refused(path, "choose one of these columns with --key: tokens")
    path.write_text(table("id,embedding", [[i, str(np.arange(2000.0))] for i in IDS]))
    refused(path, r"column embedding: row 1 was cut when it was printed, and the numbers at \.\.\. are lost")


def test_columns_of_the_same_name(tmp_path):
    path = tmp_path / "x.csv"
    rows = [[i, *x[:3]] for i, x in zip(IDS, TRUTH, strict=True)]
    path.write_text(table("id,f0,f1,f1", rows))
    for options in ({}, {"columns": "f0,f1"}, {"columns": "*"}):
        refused(path, "contains several columns called 'f1'", **options)
    path.write_text(table("id,f0,f1,id", rows))
    for options in ({}, {"id_column": "id"}):
        refused(path, "contains several columns called 'id'", **options)
    path.write_text(table("id,f0,note,note", rows))
    check(read_embeddings(path, columns="f0"), TRUTH[:, :1])


def test_json_lines_of_changing_types(tmp_path):
    path = tmp_path / "x.jsonl"
    labels = [1, 1.5, "high", None, [1, "a"], {"a": 2}, True]
    rows = [{"id": i, "f0": 1, "f1": 2, "y": labels[k % 7]} for k, i in enumerate(IDS)]
    rows[-1]["f0"], rows[-1]["f1"] = 1.5, None
    path.write_text(lines(rows))
    want = np.tile([1.0, 2.0], (N, 1))
    want[-1] = [1.5, np.nan]
    check(read_embeddings(path), want)
    # Keys that the first object does not have; integers and text as ids.
    rows = [{"embedding": x.tolist()} | ({"split": "a"} if k else {}) for k, x in enumerate(TRUTH)]
    for k, row in enumerate(rows):
        row["id"] = 2**70 + k if k < 5 else f"m{k}"
    path.write_text(lines(rows))
    got = read_embeddings(path)
    check(got, ids=[str(2**70 + k) if k < 5 else f"m{k}" for k in range(N)])
    assert got.recipe["read_as"].endswith("ignored: split")
    path.write_text(lines([{"id": i, "bits": (x > 0).tolist()} for i, x in zip(IDS, TRUTH, strict=True)]))
    check(read_embeddings(path, key="bits"), TRUTH > 0)


def test_json_lines_name_the_line_with_a_fault(tmp_path):
    path = tmp_path / "x.jsonl"
    rows = [{"id": f"m{k}", "embedding": [0.5, k], "y": 1} for k in range(300)]

    def fault(place: int, **changes: object) -> None:
        changed = [dict(row) for row in rows]
        changed[place] = {name: v for name, v in (changed[place] | changes).items() if v is not ...}
        path.write_text("\n" + lines(changed))  # the blank line counts

    for place in (3, 270):
        line = f"line {place + 2}"
        fault(place, id=...)
        refused(path, f"{line} has no id")
        fault(place, id=0.5)
        refused(path, f"{line} has 0.5, not text or an integer, as its id")
        fault(place, embedding=[0.5])
        refused(path, f"`embedding` has 2 numbers in line 2 but 1 in {line}")
        fault(place, embedding=...)
        refused(path, f"{line} has no `embedding`")
        fault(place, y="text")
        check(read_embeddings(path), np.array([[0.5, k] for k in range(300)]), [f"m{k}" for k in range(300)])
    fault(270, embedding=[0.5, "a"])
    refused(path, r"line 272: `embedding` is \[0.5, \"a\"\], not a list of numbers")
    path.write_text(lines(rows) + "[1]\n")
    refused(path, r"line 301 is not a JSON object: \[1\]")
    path.write_text('{"id": "a", "id": "b", "embedding": [1, 2]}\n')
    refused(path, "line 1 has the key id twice")


def test_partitions_of_a_table(tmp_path):
    for part, rows in (("split=a", slice(0, 4)), ("split=b/fold=0", slice(4, 9)), (".", slice(9, None))):
        (tmp_path / part).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": IDS[rows], "v": TRUTH[rows].tolist()}), tmp_path / part / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    got = read_embeddings(tmp_path)
    np.testing.assert_array_equal(got.embedding, TRUTH[[IDS.index(i) for i in got.ids]])
    assert sorted(got.ids) == IDS
    (tmp_path / "old").mkdir()
    (tmp_path / "split=a" / "part-0.parquet").rename(tmp_path / "old" / "x.parquet")
    refused(tmp_path, r"contains \.parquet files, and others in old: are they parts of one table")
