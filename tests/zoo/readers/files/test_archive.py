"""Data sets in .zip and .tar archives."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

pytest.importorskip("ase")

FRAME = "2\n\nH 0 0 0\nH 0 0 {}\n"
FILES = {
    "b/POSCAR": "Si\n1\n3 0 0\n0 3 0\n0 0 3\nSi\n1\nDirect\n0 0 0\n",
    "a.xyz": FRAME.format(0.74),
    "many.xyz": FRAME.format(0.75) + FRAME.format(0.76),
    "../../up.xyz": FRAME.format(0.77),
    "notes.docx": "x",
    "__MACOSX/._a.xyz": "x",
    ".hidden.xyz": "x",
}
IDS = ["a", "b", "many:0", "many:1", "up"]


def make(path: Path, files: dict[str, str]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return path
    with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix not in (".tar", ".tgz") else "w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2", "x.tar.xz"])
def test_archives_are_read_like_folders(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, FILES)
    notes: list[str] = []
    data = read_dataset(path, notify=notes.append)
    assert (data.name, sorted(data.ids)) == (name, IDS)
    assert notes == [f"{name}: 1 file was not read: 1 .docx"]
    assert data.source.startswith(f"{name} sha256 ")
    assert set(read_dataset(path, n=3, seed=0).ids) < set(IDS)
    assert not list(tmp_path.parent.glob("up.xyz"))


def test_archives_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder / "x.zip", {"a.xyz": FILES["a.xyz"]})
    make(folder / "y.tar.gz", {"a.xyz": FILES["a.xyz"]})
    (folder / "a.xyz").write_text(FILES["a.xyz"])
    (folder / "bad.zip").write_text("no archive")
    data = read_dataset(folder)
    assert data.ids == ["a", "x/a", "y/a"]
    assert "bad.zip is not readable" in next(iter(data.left_out.values()))


def test_what_is_wrong_is_named_by_its_path_in_the_archive(tmp_path: Path) -> None:
    path = make(tmp_path / "x.zip", {"a.xyz": FILES["a.xyz"], "s/bad.xyz": "not xyz"})
    data = read_dataset(path)
    assert data.ids == ["a"]
    (reason,) = data.left_out.values()
    assert reason.startswith(f"{path}/s/bad.xyz: line 1 must be the number of atoms")
    content = bytearray(path.read_bytes())
    at = content.index(b"a.xyz") + 5
    content[at : at + 4] = b"\xff\xff\xff\xff"  # the compressed content of the first member
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.xyz is not readable"):
        read_dataset(path)


def test_damaged_and_empty_archives(tmp_path: Path) -> None:
    for name in ("x.zip", "x.tar.gz", "x.tar"):
        (tmp_path / name).write_bytes(b"\x00\xff" * 100)
        with pytest.raises(InputError, match="is not readable"):
            read_dataset(tmp_path / name)
        make(tmp_path / name, {"a.docx": "x"})
        with pytest.raises(InputError, match="contains no supported files"):
            read_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_with_one_name_the_last_counts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    files = [("a.xyz", FRAME.format(0.74)), ("b.xyz", FRAME.format(0.75)), ("a.xyz", FRAME.format(0.8))]
    files += [("c.xyz", FRAME.format(0.76))]
    if name == "x.zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in files:
                archive.writestr(member, text)
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as tar:
            for member, text in files:
                info = tarfile.TarInfo(member)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
    notes: list[str] = []
    data = read_dataset(path, notify=notes.append)
    assert [(s.id, round(s.atoms.get_distance(0, 1), 2)) for s in data] == [("a", 0.8), ("b", 0.75), ("c", 0.76)]
    assert (notes, data.left_out) == (
        [f"{name}: 1 file was not read: 1 member replaced by a later one of its name"],
        {},
    )


def test_links_in_archives(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        info = tarfile.TarInfo("a.xyz")
        info.size = len(FILES["a.xyz"])
        tar.addfile(info, io.BytesIO(FILES["a.xyz"].encode()))
        for name, target, kind in (
            ("hard.xyz", "a.xyz", tarfile.LNKTYPE),
            ("lost.xyz", "none.xyz", tarfile.LNKTYPE),
            ("soft.xyz", "a.xyz", tarfile.SYMTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    notes: list[str] = []
    data = read_dataset(tmp_path / "x.tar", notify=notes.append)
    assert (data.ids, list(data.left_out)) == (["a", "hard"], ["lost.xyz"])
    assert data[0].atoms == data[1].atoms
    assert notes[0] == "x.tar: 1 file was not read: 1 link"


def test_links_in_folders(tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    for path in (folder / "sub", other):
        path.mkdir(parents=True)
    for path in (folder / "a.xyz", folder / "sub" / "b.xyz", other / "c.xyz"):
        path.write_text(FILES["a.xyz"])
    (folder / "file.xyz").symlink_to(other / "c.xyz")
    (folder / "folder").symlink_to(other)
    (folder / "loop").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    (folder / "inner").symlink_to(folder / "sub")
    (other / "back").symlink_to(folder)
    (folder / "broken.xyz").symlink_to(tmp_path / "none")
    notes: list[str] = []
    data = read_dataset(folder, notify=notes.append)
    assert data.ids == ["a", "file", "folder/c", "sub/b"]
    assert notes == ["data: 5 files were not read: 1 broken link, 4 link to a folder that is read already"]


def test_unreadable_and_empty_files_of_one_name(tmp_path: Path) -> None:
    for name, text in (("r0/a.xyz", "x"), ("r1/a.xyz", "y"), ("r2/a.xyz", ""), ("r3/a.xyz", FILES["a.xyz"])):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    for options in ({}, {"n": 1}):
        data = read_dataset(tmp_path, **options)
        assert (data.ids, list(data.left_out)) == (["r3/a"], ["r0/a.xyz", "r1/a.xyz", "r2/a.xyz"])
        assert data.left_out["r2/a.xyz"].endswith("a.xyz contains no samples")
