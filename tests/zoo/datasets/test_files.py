"""Samples in user files: reading, random selection, and errors."""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import ROW_NUMBERS, load_dataset, read_dataset
from hyle.zoo.readers import READERS, reader_of

ase_build = pytest.importorskip("ase.build")

SMILES = ["CCO", "c1ccccc1", "C", "CC(N)=O", "CCCl", "O"]


def table(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    rows = [f"m{i},{smiles},{i}.5" for i, smiles in enumerate(SMILES)]
    return table(tmp_path / "mine.csv", ["id,smiles,gap", *rows])


# --- tables ---


def test_a_table(molecules: Path) -> None:
    data = read_dataset(molecules, labels=["gap"])
    assert (data.name, data.domain, data.views) == ("mine.csv", "molecules", ["smiles"])
    assert data.ids == [f"m{i}" for i in range(6)]
    assert [s.smiles for s in data] == SMILES
    assert [s.labels for s in data] == [{"gap": i + 0.5} for i in range(6)]
    sha256 = hashlib.sha256(molecules.read_bytes()).hexdigest()
    assert data.source.startswith(f"mine.csv sha256 {sha256}, column smiles, all 6, SMILES canonical by RDKit 20")
    assert load_dataset(str(molecules)).version == data.version


def test_draws_are_nested_and_named(molecules: Path) -> None:
    order = np.random.default_rng(3).permutation(6)
    ids = read_dataset(molecules, n=4, seed=3).ids
    assert ids == [f"m{i}" for i in order[:4]]
    assert read_dataset(molecules, n=2, seed=3).ids == ids[:2]
    assert ", 4 of 6, seed 3," in read_dataset(molecules, n=4, seed=3).source
    first = read_dataset(molecules, n=2, seed=None)
    assert (first.ids, "the first 2" in first.source) == (["m0", "m1"], True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_delimiters_gzip_quotes_and_byte_order_marks(tmp_path: Path, delimiter: str, suffix: str) -> None:
    text = (
        delimiter.join(["SMILES", "note", "ID"]) + "\r\n" + delimiter.join(["OCC", f'"a{delimiter}\nb"', "x"]) + "\r\n"
    )
    packed = ("\ufeff" + text).encode()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(packed) if suffix.endswith("gz") else packed)
    data = read_dataset(path)
    assert (data.ids, data[0].smiles) == (["x"], "CCO")


def test_smiles_are_canonical_unless_they_are_kept_as_written(tmp_path: Path) -> None:
    path = table(tmp_path / "a.smi", ["OCC ethanol", "C(C)O also ethanol", "N"])
    data = read_dataset(path)
    assert data.ids == ["ethanol", "also ethanol", "2"]
    assert [s.smiles for s in data] == ["CCO", "CCO", "N"]
    written = read_dataset(path, canonical=False)
    assert [s.smiles for s in written] == ["OCC", "C(C)O", "N"]
    assert "RDKit" not in written.source
    assert written.version != data.version


def test_parquet_is_read_like_a_table(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["a", "b", "c"], "seq": ["MKV", "mkl*", None]}), tmp_path / "a.parquet")
    data = read_dataset(tmp_path / "a.parquet", id_column="key")
    assert (data.domain, [s.sequence for s in data]) == ("proteins", ["MKV", "MKL"])
    assert data.left_out == {"c": "row 3: the cell of seq is empty"}
    assert read_dataset(tmp_path / "a.parquet", n=1, seed=None).ids == ["0"]


def test_bad_rows_are_skipped_by_id_and_reported(tmp_path: Path) -> None:
    lines = ["id,smiles,y", "a,CCO,1", "b,C1CC,2", "c,,3", "d,C,four", "e,C,5,6", "f,O,"]
    messages: list[str] = []
    path = table(tmp_path / "a.csv", lines)
    data = read_dataset(path, labels=["y"], notify=messages.append)
    assert data.ids == ["a", "f"]
    assert [s.labels for s in data] == [{"y": 1.0}, {}]
    assert data.left_out == {
        "b": "line 3: RDKit cannot read the SMILES 'C1CC': unclosed ring",
        "c": "line 4: the cell of smiles is empty",
        "d": "line 5: the label y is 'four', which is not a number",
        "e": "line 6: it has 4 cells where the header has 3: quote cells that contain a comma",
    }
    assert messages[0].startswith("4 of 6 samples of a.csv skipped: b (line 3: RDKit cannot read")
    assert messages[0].endswith("and 1 more")
    assert "4 skipped" in data.source


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["name,y", "a,1"], {}, "no column is called smiles or .* its header line has: name, y"),
        (["smiles,y", "C,1"], {"column": "smi"}, "no column is called 'smi'; it has: smiles, y"),
        (["smiles,y", "C,1"], {"labels": ["z"]}, "no column is called 'z'; it has: smiles, y"),
        (["smiles,smiles", "C,C"], {"column": "smiles"}, "two columns are called 'smiles'"),
        (["smiles,sequence", "C,MK"], {}, "choose one of the columns smiles, sequence with --column"),
        (["what,y", "C,1"], {"column": "what"}, "column 'what' is unknown: pass --view smiles, selfies or sequence"),
        (["id,smiles", "a,C", "a,N"], {}, "the id 'a' is in line 2 and in line 3, but ids must be unique: .* '#'"),
        (["smiles", "C1", "C("], {}, "no valid samples: 2 of 2 .*line 2: RDKit cannot read"),
        (["smiles"], {}, "contains no samples"),
        ([""], {}, "it is empty"),
        (["smiles", "C"], {"n": 2}, "has 1 samples: n must be 1 to 1; got 2"),
        (["smiles", "C"], {"n": 2, "seed": None}, "has 1 samples: n must be 1 to 1; got 2"),
        (["smiles", "C"], {"n": 0}, "n must be at least 1; got 0"),
        (["smiles", "C"], {"seed": -1}, "a seed is 0 or greater; got -1"),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, lines: list[str], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_dataset(table(tmp_path / "a.csv", lines), **options)


def test_labels_that_are_missing_or_infinite(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["id,smiles,y", "a,C,nan", "b,N,", "c,O,inf", "d,F,-1e-3"])
    data = read_dataset(path, labels=["y"])
    assert [(s.id, s.labels) for s in data] == [("a", {}), ("b", {}), ("d", {"y": -1e-3})]
    assert data.left_out == {"c": "line 4: the label y is infinite"}


def test_a_view_that_the_header_does_not_give(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", ["heavy\tname", "EVQLV\tab1"])
    data = read_dataset(path, column="heavy", view="sequence", id_column="name")
    assert (data.ids, data[0].sequence, data.domain) == (["ab1"], "EVQLV", "proteins")


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["id,smiles", "a,C", "a,N"])
    assert read_dataset(path, id_column="#").ids == ["0", "1"]


def test_files_that_are_not_what_their_suffix_says(tmp_path: Path) -> None:
    damaged = gzip.compress(b"smiles\n" + bytes(range(256)) * 99)[:-40] + b"x" * 40
    names = ("a.csv", "a.fasta", "a.parquet", "a.xyz", "a.traj", "a.db", "a.cif", "a.vasp", "a.pdb", "a.sdf")
    for name in (*names, "b.csv.gz", "b.fasta.gz", "b.sdf.gz"):
        compressed = name.endswith(".gz")
        (tmp_path / name).write_bytes(damaged if compressed else b"\xff\xfe\x00\x01 nothing of the kind\n" * 3)
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            read_dataset(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"b\.csv does not exist; did you mean 'b\.csv\.gz'"):
        read_dataset(tmp_path / "b.csv")
    (tmp_path / "a.foo").write_text("")
    with pytest.raises(ValueError, match=r"a\.foo is not a supported file: supported files end in \.csv"):
        read_dataset(tmp_path / "a.foo")


# --- sequences ---


def test_fasta(tmp_path: Path) -> None:
    path = table(tmp_path / "a.fasta", [">sp|P1 one", "MKV", "LL*", ">b", "", ">c", "M-K", ">d", "M1K", ">e", "mkx"])
    data = read_dataset(path)
    assert [(s.id, s.sequence) for s in data] == [("sp|P1", "MKVLL"), ("e", "MKX")]
    assert list(data.left_out) == ["b", "c", "d"]
    assert "gaps" in data.left_out["c"]
    assert "line 6" in data.left_out["c"]
    with pytest.raises(ValueError, match="not a table: --column, --view and --as-written do not apply"):
        read_dataset(path, column="x")
    for options in ({"labels": ["y"]}, {"id_column": "name"}):
        with pytest.raises(ValueError, match="neither labels nor id columns"):
            read_dataset(path, **options)
    assert read_dataset(path, id_column="#").ids == ["0", "4"]
    with pytest.raises(ValueError, match="line 1 is before the first >"):
        read_dataset(table(tmp_path / "b.fa", ["MKV"]))


PDB = """\
ATOM      1  N   GLY A   1      11.104   6.134  -6.504  1.00  0.00           N
ATOM      2  CA  GLY A   1      11.639   6.071  -5.147  1.00  0.00           C
ATOM      3  C   GLY A   1      10.592   6.486  -4.121  1.00  0.00           C
ATOM      4  O   GLY A   1       9.399   6.253  -4.307  1.00  0.00           O
ATOM      5  N   ALA A   2      11.041   7.103  -3.031  1.00  0.00           N
ATOM      6  CA  ALA A   2      10.139   7.553  -1.972  1.00  0.00           C
ATOM      7  C   ALA A   2      10.841   8.552  -1.056  1.00  0.00           C
ATOM      8  O   ALA A   2      12.061   8.713  -1.124  1.00  0.00           O
TER
END
"""


def test_protein_chains_from_pdb_and_mmcif(tmp_path: Path) -> None:
    gemmi = pytest.importorskip("gemmi")
    (tmp_path / "1abc.pdb").write_text(PDB)
    data = read_dataset(tmp_path / "1abc.pdb")
    assert (data.ids, data.domain, data.views) == (["1abc-A"], "proteins", ["sequence", "backbone"])
    assert (data[0].sequence, data[0].backbone.shape, data[0].backbone.dtype) == ("GA", (2, 4, 3), np.float32)
    structure = gemmi.read_structure(str(tmp_path / "1abc.pdb"))
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(tmp_path / "other.cif"))
    assert read_dataset(tmp_path / "other.cif")[0].sequence == "GA"
    both = read_dataset(tmp_path)
    assert both.ids == ["1abc-A", "other-A"]


def test_a_missing_package_is_named_with_its_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, molecules: Path
) -> None:
    for module, path, needs in (
        ("ase", table(tmp_path / "a.xyz", ["1", "", "H 0 0 0"]), "needs ase: pip install"),
        ("gemmi", table(tmp_path / "a.fasta", [">a", "MK"]), "needs gemmi: pip install"),
        ("rdkit", molecules, "needs RDKit: pip install"),
    ):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, module, None)
            with pytest.raises(ImportError, match=needs):
                read_dataset(path)
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert len(read_dataset(molecules, canonical=False)) == 6


def test_every_suffix_has_its_reader() -> None:
    for suffix in READERS:
        reader = reader_of(Path(f"x{suffix}"))
        assert callable(getattr(reader, "count", None))
        assert callable(getattr(reader, "read", None))
    assert reader_of(Path("x.xyz.gz")) is reader_of(Path("x.xyz"))
    assert reader_of(Path("POSCAR")) is reader_of(Path("x.vasp"))


def test_a_large_file_is_not_read_beyond_the_last_selected_row(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["smiles", "C", "N"])
    with path.open("ab") as stream:
        stream.write(b"\xff\xff\n")  # not text: reading this far fails
    with pytest.raises(ValueError, match="not UTF-8"):
        read_dataset(path)
    path.write_bytes(b"smiles\nC\nN\n" + b"C\n" * 10_000 + b"\xff\n")
    assert read_dataset(path, n=2, seed=None).ids == ["0", "1"]


def test_samples_without_ids_are_numbered_from_0_and_marked(tmp_path: Path) -> None:
    data = read_dataset(table(tmp_path / "a.csv", ["smiles", "C", "N"]))
    assert (data.ids, data.ids_from, data.recipe["ids"]) == (["0", "1"], ROW_NUMBERS, ROW_NUMBERS)
    drawn = read_dataset(tmp_path / "a.csv", n=1, seed=1)
    assert drawn[0].smiles == data[int(drawn.ids[0])].smiles
    named = read_dataset(table(tmp_path / "b.csv", ["id,smiles", "7,C"]))
    assert (named.ids, named.ids_from) == (["7"], "the file")


def test_one_unreadable_file_does_not_stop_a_folder(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", ["id,smiles", "x,C"])
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "notes.docx").write_text("")
    lines: list[str] = []
    for options in ({}, {"n": 1}):
        lines.clear()
        data = read_dataset(tmp_path, notify=lines.append, **options)
        assert data.ids == ["x"]
        assert list(data.left_out) == ["b.csv"]
        assert "1 file was not read: 1 .docx" in lines[0]
        assert "1 of 2 samples" in lines[1]
        assert "b.csv" in lines[1]
