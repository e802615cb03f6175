"""What stands in columns of SMILES."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

pytest.importorskip("rdkit")


def one(tmp_path: Path, cell: str, **options):
    """Return the data set of one row."""
    (tmp_path / "a.csv").write_text(f'id,smiles\na,"{cell}"\nz,C\n')
    return read_dataset(tmp_path / "a.csv", **options)


@pytest.mark.parametrize(
    ("cell", "smiles"),
    [
        ("[Na+].CC(=O)[O-]", "CC(=O)[O-].[Na+]"),
        ("CCN.Cl", "CCN.Cl"),
        ("[13CH3][2H]", "[2H][13CH3]"),
        ("C[CH2]", "[CH2]C"),
        ("[Fe+2]", "[Fe+2]"),
        ("[Pt](Cl)(Cl)(N)N", "[NH2][Pt]([NH2])([Cl])[Cl]"),
        ("CN(=O)=O", "C[N+](=O)[O-]"),
        ("[H][H]", "[H][H]"),
        ("[Na][Cl]", "[Na][Cl]"),
        ("[O][O]", "[O][O]"),
        ("[C-]#[O+]", "[C-]#[O+]"),
        ("[Y]", "[Y]"),
        ("[Xe]", "[Xe]"),
        ("[NH3]->[Pt](<-[NH3])", "[NH3]->[Pt]<-[NH3]"),
        (" CCO ", "CCO"),
    ],
)
def test_molecules_are_read_without_a_remark(tmp_path: Path, cell: str, smiles: str) -> None:
    data = one(tmp_path, cell)
    assert (data[0].smiles, dict(data.remarks), dict(data.left_out)) == (smiles, {}, {})


@pytest.mark.parametrize(
    ("cell", "smiles", "remark", "detail"),
    [
        ("[CH3:1][OH:2]", "CO", "atom map numbers were removed", "[CH3:1][OH:2]"),
        ("CCO |$;;R1$|", "CCO", "CXSMILES extensions were removed", "|$;;R1$|"),
        ("C[C@H](F)Cl |&1:1|", "C[C@H](F)Cl", "CXSMILES extensions were removed", "|&1:1|"),
        ("CCO ethanol", "CCO", "text after the SMILES was removed", "ethanol"),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", "CCO", "converted from InChI by RDKit", "InChI=1S/C2H6O"),
    ],
)
def test_what_was_changed_is_reported(tmp_path: Path, cell: str, smiles: str, remark: str, detail: str) -> None:
    data = one(tmp_path, cell)
    assert data[0].smiles == smiles
    assert data.remarks[remark]["a"].startswith(detail)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("*CCO", r"dummy atoms \(\*\)"),
        ("[1*]c1ccccc1", r"dummy atoms \(\*\)"),
        ("[R1]c1ccccc1", "an R group"),
        ("[R]C", "an R group"),
        ("[#6]-[#7]", "a SMARTS pattern"),
        ("[C,N]CC", "a SMARTS pattern"),
        ("c1ccccc1[$(CO)]", "a SMARTS pattern"),
        ("C~C", "a SMARTS pattern"),
        ("[CX4]C", "a SMARTS pattern"),
        ("C!@C", "a SMARTS pattern"),
        ("CC(=O)O.OCC>>CC(=O)OCC", "a reaction"),
        ("CC>O>CO", "a reaction"),
        ("VNWKTOKETHGBQD-UHFFFAOYSA-N", "an InChIKey .*look up its SMILES"),
        ("[C][C][O]", "SELFIES .*--column smiles --view selfies"),
        ("[C][=C][Branch1][C][O]", "SELFIES"),
        ("InChI=1S/nothing", "RDKit cannot read the InChI"),
        ("C(C)(C)(C)(C)C", "Explicit valence for atom # 0 C, 5, is greater than permitted"),
        ("c1cccn1", "Can't kekulize mol"),
        ("C1CC", "unclosed ring"),
        ("ethanol", "RDKit cannot read the SMILES 'ethanol'"),
        ("nan", "'nan', a missing value"),
        ("C\u2013C", "the character '\u2013'"),
        ("", "the cell of smiles is empty"),
        ("C" * 20_000, "20000 characters"),
    ],
)
def test_what_is_no_molecule_is_left_out_with_a_reason(tmp_path: Path, cell: str, reason: str) -> None:
    data = one(tmp_path, cell)
    assert data.ids == ["z"]
    assert re.search(reason, data.left_out["a"])


@pytest.mark.parametrize("cell", ["*C", "[C][C][O]", "C~C", "C>>C", "InChI=1S/CH4/h1H4"])
def test_smiles_as_written_are_molecules_too(tmp_path: Path, cell: str) -> None:
    assert list(one(tmp_path, cell, canonical=False).left_out) == ["a"]
    assert one(tmp_path, "[CH3:1]C", canonical=False)[0].smiles == "[CH3:1]C"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["[C][C][O]", "[C][=C]"],
            r"SELFIES \(read them with --column smiles --view selfies",
        ),
        (["[#6]C", "C~C"], "a SMARTS pattern"),
        (["C>>N", "C>>O"], "a reaction"),
    ],
)
def test_a_column_of_something_else_is_one_error(tmp_path: Path, cells: list[str], message: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["smiles", *cells]))
    with pytest.raises(
        InputError, match=f"column 'smiles' of .*a.csv does not contain SMILES: each of its first cells is {message}"
    ):
        read_dataset(tmp_path / "a.csv")


def test_selfies_are_read_by_the_advice_of_the_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,smiles\na,[C][C][O]\nb,[C][=C]\nc,CCO\n")
    data = read_dataset(tmp_path / "a.csv", column="smiles", view="selfies")
    assert [s.selfies for s in data] == ["[C][C][O]", "[C][=C]"]
    assert "is not SELFIES" in data.left_out["c"]
    (tmp_path / "a.smi").write_text("[C][C][O] a\n[C][=C] b\n")
    with pytest.raises(InputError, match=r"SELFIES \(read them with --view selfies"):
        read_dataset(tmp_path / "a.smi")
    assert read_dataset(tmp_path / "a.smi", view="selfies").ids == ["a", "b"]


def test_names_after_smiles_in_smi_files(tmp_path: Path) -> None:
    lines = ["# made by hand", "SMILES\tName", "CCO |$;;R1$| mol1", "CCC 007", "C[C@H](F)Cl |&1:1|\tmol3\t1.5"]
    (tmp_path / "a.smi").write_text("\n".join([*lines, "N\ta b\t17.0", "C also b", "O", ""]))
    data = read_dataset(tmp_path / "a.smi")
    assert data.ids == ["mol1", "007", "mol3", "a b", "also b", "5"]
    assert [s.smiles for s in data] == ["CCO", "CCC", "C[C@H](F)Cl", "N", "C", "O"]
    assert list(data.remarks["CXSMILES extensions were removed"]) == ["mol1", "mol3"]
