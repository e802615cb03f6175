"""Files of VASP, DFTB+, XCrySDen and AIRSS."""

from __future__ import annotations

import gzip
from contextlib import nullcontext as nothing
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")

POSCAR = "Si2\n1.0\n0 2.715 2.715\n2.715 0 2.715\n2.715 2.715 0\nSi\n2\nDirect\n0 0 0\n0.25 0.25 0.25\n"

NAMES = (
    "POSCAR",
    "CONTCAR",
    "POSCAR_mp-149",
    "POSCAR.x",
    "x.POSCAR",
    "x.vasp",
    "CONTCAR.2",
    "CONTCAR_final",
    "POSCAR1",
)

CELL = "CRYST1   10.000   10.000   10.000  90.00  90.00  90.00 P 1           1\n"


def poscar(comment: str, symbols: str = "", counts: str = "1 1", rows: tuple[str, ...] = ("0 0 0", ".5 .5 .5")) -> str:
    head = [comment, "1", "5.6 0 0", "0 5.6 0", "0 0 5.6", *([symbols] if symbols else []), counts, "Direct"]
    return "\n".join([*head, *rows, ""])


AIRSS = """\
TITL x-{i} 0.01 175.6 -2{i}.0 0 0 2 (P1) n - 1
CELL 1.54180 5.6 5.6 5.6 90 90 90
LATT -1
SFAC Na {other}
Na 1 0 0 0 1.0
{other} 2 .5 .5 .5 {occupancy}
END
"""


@pytest.mark.parametrize("name", NAMES)
def test_names_of_vasp(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POSCAR)
    assert str(read_dataset(tmp_path / name)[0].atoms.symbols) == "Si2"


def test_ids_from_names_of_vasp(tmp_path: Path) -> None:
    for name in ("a/POSCAR", "POSCAR_mp-149", "b.POSCAR", "c/CONTCAR.2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(POSCAR)
    (tmp_path / "POSCAR_list.txt").write_text("x")
    assert read_dataset(tmp_path).ids == ["mp-149", "a", "b", "c/2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (POSCAR.replace("\nSi\n", "\n").replace("Si2", "a comment"), "it does not state its elements"),
        (POSCAR.replace("\n2\n", "\n999999999999\n"), "it states 999999999999 atoms, but has 11 lines"),
        (POSCAR.replace("\nSi\n", "\nQq\n"), "not readable"),
        (POSCAR.replace("0.25 0.25 0.25", ""), "not readable"),
        (POSCAR.replace("0.25 0.25 0.25", "1 0 0"), r"atoms 1 \(Si\) and 2 \(Si\) are 0 Angstrom apart"),
        ("", "it is empty"),
    ],
)
def test_poscars_that_cannot_be_used(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "POSCAR").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_dataset(tmp_path / "POSCAR")


def test_xdatcar_is_read_configuration_by_configuration(tmp_path: Path) -> None:
    from ase.io import write

    first, second = ase_build.bulk("Si"), ase_build.bulk("Si")
    second.rattle(0.1, seed=0)
    write(tmp_path / "XDATCAR", [first, second, first], format="vasp-xdatcar")
    data = read_dataset(tmp_path / "XDATCAR")
    for sample, atoms in zip(data, (first, second, first), strict=True):
        np.testing.assert_allclose(sample.atoms.positions, atoms.positions, atol=1e-6)
    text = (tmp_path / "XDATCAR").read_text().splitlines()
    cut = next(i for i, line in enumerate(text) if "configuration=     2" in line) + 1
    (tmp_path / "XDATCAR").write_text("\n".join([*text[:cut], "0 0 x", *text[cut + 1 :], ""]))
    data = read_dataset(tmp_path / "XDATCAR")
    assert (data.ids, list(data.left_out)) == (["0", "2"], ["1"])


def test_outputs_of_vasp(tmp_path: Path) -> None:
    testdata = Path(pytest.importorskip("ase.test").__file__).parent / "testdata" / "vasp"
    if not testdata.is_dir():
        pytest.skip("ASE is installed without its test data")
    for name, formula, energy in (
        ("OUTCAR_example_1", "Ni18", -68.23102426),
        ("vasprun_pstress.xml", "C2", -20.247200953),
    ):
        for suffix, pack in (("", bytes), (".gz", gzip.compress)):
            path = tmp_path / (name + suffix)
            path.write_bytes(pack((testdata / name).read_bytes()))
            (sample,) = read_dataset(path)
            assert str(sample.atoms.symbols) == formula
            assert sample.labels["energy"] == pytest.approx(energy)
    (tmp_path / "OUTCAR").write_text((testdata / "convergence_OUTCAR_y_y").read_text())
    with pytest.raises(InputError, match="OUTCAR is not readable: Incomplete OUTCAR"):
        read_dataset(tmp_path / "OUTCAR")


def test_files_with_symmetry_or_too_few_atoms(tmp_path: Path) -> None:
    from ase.io import write

    write(tmp_path / "a.res", ase_build.bulk("Si"))
    text = (tmp_path / "a.res").read_text()
    (tmp_path / "a.res").write_text(text.replace("LATT -1", "LATT -1\nSYMM -X,-Y,-Z"))
    with pytest.raises(InputError, match="symmetry operations, which are not applied"):
        read_dataset(tmp_path / "a.res")
    for kind in ("gen", "xsf"):
        write(tmp_path / f"a.{kind}", ase_build.bulk("Si"))
        text = (tmp_path / f"a.{kind}").read_text()
        for number, reason in (("99999999999", "it states 99999999999 atoms, but has"), ("4", "not readable")):
            (tmp_path / f"a.{kind}").write_text(
                text.replace("2", number, 1) if kind == "gen" else text.replace(" 2 1", f" {number} 1")
            )
            with pytest.raises(InputError, match=reason):
                read_dataset(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("comment", ["Na Cl", "  Na   Cl "])
def test_elements_in_the_comment_of_files_of_vasp_4(tmp_path: Path, comment: str) -> None:
    (tmp_path / "POSCAR").write_text(poscar(comment))
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "POSCAR", notify=notes.append)
    assert str(sample.atoms.symbols) == "NaCl"
    assert notes == ["POSCAR: 1 of 1 samples: elements taken from the comment line: 0 (Na Cl)"]


@pytest.mark.parametrize(
    "comment",
    ["No comment", "I am He", "NaCl2", "Na", "Na Cl x", "generated by VESTA", "Os and In", "na cl", ""],
)
def test_comments_of_files_of_vasp_4_that_are_no_elements(tmp_path: Path, comment: str) -> None:
    counts = "2" if comment == "No comment" else "1 1"
    (tmp_path / "POSCAR").write_text(poscar(comment, counts=counts))
    with pytest.raises(InputError, match="it does not state its elements, as files of VASP 4"):
        read_dataset(tmp_path / "POSCAR")


@pytest.mark.parametrize(
    ("symbols", "found"), [("na CL", "NaCl"), ("Na_pv Cl_h/99", "NaCl"), ("Na Cl ! x", "NaCl"), ("D O", "HO")]
)
def test_spellings_of_elements_of_vasp(tmp_path: Path, symbols: str, found: str) -> None:
    (tmp_path / "POSCAR").write_text(poscar("x", symbols))
    assert str(read_dataset(tmp_path / "POSCAR")[0].atoms.symbols) == found
    (tmp_path / "POSCAR").write_text(poscar("x", "Vac Cl"))
    with pytest.raises(InputError, match="'Vac' in the line of its elements is no element"):
        read_dataset(tmp_path / "POSCAR")


def test_structures_that_were_appended_to_one_another(tmp_path: Path) -> None:
    velocities = ("0 0 0", ".5 .5 .5", "", "0.1 0 0", "0 0.2 0")
    second = poscar("2", "K Br")
    gen = "2 {kind}\nNa {other}\n1 1 0 0 0\n2 2 {half} {half} {half}\n0 0 0\n5.6 0 0\n0 5.6 0\n0 0 5.6\n"
    texts = {
        "POSCAR": poscar("1", "Na Cl") + second,
        "CONTCAR": poscar("1", "Na Cl", rows=velocities) + "\n" + second,
        "a.gen": gen.format(kind="F", other="Cl", half=0.5) + "\n" + gen.format(kind="S", other="Br", half=2.8),
        "a.res": AIRSS.format(i=1, other="Cl", occupancy=1.0) + AIRSS.format(i=2, other="Br", occupancy=1.0),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        data = read_dataset(tmp_path / name)
        expected = ["NaCl", "KBr" if "CAR" in name else "NaBr"]
        assert [str(sample.atoms.symbols) for sample in data] == expected, name
        for sample in data:
            np.testing.assert_allclose(sample.atoms.get_distance(0, 1), 2.8 * 3**0.5)
    assert [sample.labels for sample in data] == [{"energy": -21.0}, {"energy": -22.0}]
    (tmp_path / "a.gen").write_text("# comment\n" + texts["a.gen"] + "\nx y z\n")
    data = read_dataset(tmp_path / "a.gen")
    assert (len(data), "must be the number of atoms of another structure" in data.left_out["2"]) == (2, True)


def test_partial_occupancies_and_the_centre_of_inversion_of_res_files(tmp_path: Path) -> None:
    whole = AIRSS.format(i=1, other="Cl", occupancy="11.0")
    (tmp_path / "a.res").write_text(whole)
    assert len(read_dataset(tmp_path / "a.res")[0].atoms) == 2
    for text, reason in (
        (AIRSS.format(i=1, other="Cl", occupancy=0.5), r"partially occupied sites: .* \(site Cl\)"),
        (AIRSS.format(i=1, other="Cl", occupancy="10.5"), r"partially occupied sites: .* \(site Cl\)"),
        (whole.replace("LATT -1", "ZERR 1 0 0 0 0 0 0"), "it has symmetry operations"),
    ):
        (tmp_path / "a.res").write_text(text)
        with pytest.raises(InputError, match=reason):
            read_dataset(tmp_path / "a.res")


def test_configurations_of_xdatcar_in_other_spellings_and_with_impossible_numbers(tmp_path: Path) -> None:
    head = poscar("x", "Na Cl").rsplit("Direct", 1)[0]
    frame = "{word} = {i}\n0 0 0\n.5 .5 .5\n"
    text = (
        head
        + frame.format(word="direct configuration", i=1)
        + "\n"
        + head
        + frame.format(word="Direct configuration", i=2)
    )
    (tmp_path / "XDATCAR").write_text(text)
    assert [str(sample.atoms.symbols) for sample in read_dataset(tmp_path / "XDATCAR")] == ["NaCl", "NaCl"]
    for counts in ("9" * 21, "0 0", "1 " + "9" * 400):
        for name, bad in (("XDATCAR", text.replace("1 1", counts, 1)), ("POSCAR", poscar("x", "Na Cl", counts))):
            (tmp_path / name).write_text(bad)
            with pytest.raises(InputError) if name == "POSCAR" else nothing():
                data = read_dataset(tmp_path / name)
                assert (data.ids, list(data.left_out)) == (["1"], ["0"])
