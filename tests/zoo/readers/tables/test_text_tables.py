"""Tables as sample files: encodings, compressions, names of columns, and ids, which are text."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from hyle.zoo import ROW_NUMBERS, InputError, read_dataset

pytest.importorskip("rdkit")

IDS = ["007", "1E10", "1e5", "T", "1.0"]
TABLE = "id,smiles,y\n007,CCO,1\n1E10,CC,2\n1e5,C,3\nT,N,4\n1.0,O,5\n"


def zstd(content: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".smi", ".jsonl"])
def test_compressed_tables_keep_ids_as_text(tmp_path: Path, suffix: str, compression: str) -> None:
    rows = [line.split(",") for line in TABLE.splitlines()]
    text = {
        ".csv": TABLE,
        ".tsv": TABLE.replace(",", "\t"),
        ".smi": "".join(f"{smiles} {id_}\n" for id_, smiles, _ in rows[1:]),
        ".jsonl": "".join(f'{{"id": "{id_}", "smiles": "{smiles}", "y": {y}}}\n' for id_, smiles, y in rows[1:]),
    }[suffix]
    path = tmp_path / f"a{suffix}{compression}"
    path.write_bytes(COMPRESSIONS[compression](text.encode()))
    data = read_dataset(path, labels=() if suffix == ".smi" else ["y"])
    assert (data.ids, [s.smiles for s in data]) == (IDS, ["CCO", "CC", "C", "N", "O"])
    if suffix != ".smi":
        assert [s.labels["y"] for s in data] == [1, 2, 3, 4, 5]
    if compression:
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(InputError, match=f"{path.name} is not readable"):
            read_dataset(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "a.csv").write_bytes(TABLE.replace("\n", end).encode(encoding))
    assert read_dataset(tmp_path / "a.csv").ids == IDS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TABLE.replace("T", "\u00e9").encode("latin-1"), "a.csv is not UTF-8 text: convert it to UTF-8"),
        (TABLE.encode("utf-16-le"), "a.csv is not UTF-8 text: line 1 contains a NUL character"),
        (b"id,smiles\na,C\0C\n", "line 2 contains a NUL character"),
        (b'id,smiles\na,"CCO\nb,C\n', "a quotation mark in line 2 is not closed"),
        (b"id,smiles\na," + b"C" * 200_000, "line 2: a cell is longer than 131072 characters"),
        (b"id," + b"C" * 200_000 + b"\na,C\n", "field larger than field limit"),
        (
            b'id,smiles\na,"' + b"C\n" * 200_000,
            "field larger than field limit .*; a quotation mark may be missing",
        ),
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"id,smiles\n", "contains no samples"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_dataset(tmp_path / "a.csv")


def test_quoted_cells_and_rows_of_another_length(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,smiles,y\n"a, b",C,1\n"x""y",N,1\nc,O\nd,O,1,2\n"two\nlines",CC,1\n')
    data = read_dataset(tmp_path / "a.csv")
    assert data.ids == ["a, b", 'x"y', "two\nlines"]
    assert data.left_out == {
        "c": "line 4: it has 2 cells where the header has 3",
        "d": "line 5: it has 4 cells where the header has 3: quote cells that contain a comma",
    }


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;smiles;y\na;C;1,5\nb;N;-0,25\nc;O;2.5\nd;F;1,2,3\n")
    data = read_dataset(tmp_path / "a.csv", labels=["y"])
    assert [s.labels["y"] for s in data] == [1.5, -0.25, 2.5]
    assert list(data.left_out) == ["d"]
    assert list(data.remarks["decimal commas are read as decimal points"]) == ["a", "b"]
    # Between commas, a quoted 1,500 may be either.
    (tmp_path / "b.csv").write_text('id,smiles,y\na,C,"1,500"\nb,N,1\n')
    assert list(read_dataset(tmp_path / "b.csv", labels=["y"]).left_out) == ["a"]


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("SMILES", "smiles"),
        ("Canonical Smiles", "smiles"),
        ("CanonicalSMILES", "smiles"),
        ("Ligand SMILES", "smiles"),
        ("smiles_rdkit", "smiles"),
        ("SELFIES", "selfies"),
        ("Sequence", "sequence"),
        ("AA_seq", "sequence"),
        ("Protein Sequence", "sequence"),
        ("proteinSequence", "sequence"),
    ],
)
def test_spellings_of_columns(tmp_path: Path, name: str, view: str) -> None:
    cell = "[C]" if view == "selfies" else "C"
    (tmp_path / "a.csv").write_text(f"ID,{name},n_smiles,sequence length\nx,{cell},3,4\n")
    data = read_dataset(tmp_path / "a.csv")
    assert (data.ids, data.views, data[0].view(view)) == (["x"], [view], cell)


def test_several_columns_by_words_in_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,Ligand SMILES,Target Sequence\nx,C,MK\n")
    with pytest.raises(InputError, match="choose one of the columns Ligand SMILES, Target Sequence with --column"):
        read_dataset(tmp_path / "a.csv")
    assert read_dataset(tmp_path / "a.csv", view="sequence")[0].sequence == "MK"


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_of_pandas_is_no_id(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_text(f"{name},smiles\n0,C\n1,N\n")
    data = read_dataset(tmp_path / "a.csv")
    assert (data.ids, data.ids_from) == (["0", "1"], ROW_NUMBERS)


def test_a_row_without_an_id_is_left_out(tmp_path: Path) -> None:
    # Numbered, it would have the id of the first row.
    (tmp_path / "a.csv").write_text("id,smiles\n1,C\n,N\n3,O\n")
    data = read_dataset(tmp_path / "a.csv")
    assert (data.ids, data.left_out) == (["1", "3"], {"a.csv line 3": "line 3: its id, in id, is empty"})
    assert read_dataset(tmp_path / "a.csv", id_column="#").ids == ["0", "1", "2"]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": 7, "smiles": "C"}\n\n{"smiles": "N", "id": "007", "y": 2}\n{"id": 1.5, "smiles": "O"}\n'
        '[1]\nnothing\n{"id": true, "smiles": "C"}\n{"id": "e", "smiles": null}\n'
    )
    data = read_dataset(path, labels=["y"])
    assert [(s.id, s.smiles, dict(s.labels)) for s in data] == [("7", "C", {}), ("007", "N", {"y": 2.0})]
    assert data.left_out == {
        "a.jsonl line 4": "line 4: its id, 1.5 in id, is neither text nor an integer",
        "a.jsonl line 5": "line 5: it is not a JSON object",
        "a.jsonl line 6": "line 6: it is not a JSON object",
        "a.jsonl line 7": "line 7: its id, True in id, is neither text nor an integer",
        "e": "line 8: the cell of smiles is empty",
    }
    assert read_dataset(path, n=1, seed=None).ids == ["7"]
    for content, message in (("", "it is empty"), ("[1, 2]\n", "line 1 is not an object")):
        path.write_text(content)
        with pytest.raises(InputError, match=f"a.jsonl is not JSON Lines: {message}"):
            read_dataset(path)


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow", ".stream.arrow"])
def test_columnar_files(tmp_path: Path, suffix: str) -> None:
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    def write(**columns: object) -> Path:
        table, path = pa.table(columns), tmp_path / f"a{suffix}"
        if suffix == ".parquet":
            pq.write_table(table, path)
        elif suffix == ".feather":
            feather.write_feather(table, str(path))
        else:
            new = pa.ipc.new_stream if "stream" in suffix else pa.ipc.new_file
            with new(str(path), table.schema) as writer:
                writer.write_table(table, max_chunksize=2)
        return path

    smiles, y = ["C", "N", "O"], [1, 2, 3]
    for ids, want in (
        (pa.array(["007", "1E10", "T"]), ["007", "1E10", "T"]),
        (pa.array([1, 2, 10**18]), ["1", "2", "1000000000000000000"]),
        (pa.array(["a", "b", "c"]).dictionary_encode(), ["a", "b", "c"]),
    ):
        path = write(id=ids, smiles=smiles, y=y)
        data = read_dataset(path, labels=["y"])
        assert (data.ids, [s.labels["y"] for s in data]) == (want, [1, 2, 3])
    assert read_dataset(path, n=2, seed=0).ids == [want[i] for i in (2, 0)]
    for ids, kind in (([1.0, 2.0, 3.0], "double"), ([True, False, None], "bool"), ([[1], [2], [3]], "list")):
        with pytest.raises(InputError, match=f"the ids in column 'id' are {kind}.*, neither text nor integers"):
            read_dataset(write(id=ids, smiles=smiles))
        assert read_dataset(path, id_column="#").ids == ["0", "1", "2"]
    assert list(read_dataset(write(id=["a", None, "c"], smiles=smiles)).left_out) == [f"{path.name} row 2"]
    with pytest.raises(InputError, match="column 'smiles' is double, not text"):
        read_dataset(write(smiles=[1.5, 2.5]))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="is not readable as"):
        read_dataset(path)


def test_long_lines(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_bytes(b"C" * 5_000_000)
    with pytest.raises(InputError, match="it has 5000000 characters, and SMILES of at most 10000 are read"):
        read_dataset(tmp_path / "a.smi")


def test_a_long_cell_does_not_stop_the_file(tmp_path: Path) -> None:
    import csv

    long = "x" * (csv.field_size_limit() + 1)
    (tmp_path / "a.csv").write_text(f'id,smiles,note\na,C,\nb,CC,{long}\nc,CCC,"{long}"\nd,CO,"two\nlines"\n')
    data = read_dataset(tmp_path / "a.csv")
    assert data.ids == ["a", "d"]
    reason = f"a cell is longer than {csv.field_size_limit()} characters"
    assert [text.partition(": ")[::2] for text in data.left_out.values()] == [("line 3", reason), ("line 4", reason)]
    assert read_dataset(tmp_path / "a.csv", n=2, seed=0).left_out.keys() <= data.left_out.keys()


@pytest.mark.parametrize("name", ["e.smi", "e.sdf", "e.fasta", "e.csv"])
def test_an_empty_file_of_a_folder_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id,smiles\n" if name == "e.csv" else "")
    full = {"e.fasta": ("f.fasta", ">p\nACDEFGHIK\n")}.get(name, ("f.smi", "CCO ethanol\n"))
    (tmp_path / full[0]).write_text(full[1])
    for options in ({}, {"n": 1, "seed": 0}):
        data = read_dataset(tmp_path, **options)
        assert len(data) == 1
        assert list(data.left_out) == [name]
        assert data.left_out[name].endswith(f"{name} contains no samples")
    with pytest.raises(InputError, match="contains no samples"):
        read_dataset(tmp_path / name)
