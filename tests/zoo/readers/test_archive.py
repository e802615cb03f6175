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
    assert notes == [f"{name}: 1 files were not read: 1 .docx"]
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
