"""A site is written only where nothing else is, and its old pages are removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hyle.cli.leaderboard import write_site
from hyle.cli.leaderboard.folder import MARKER

from .planted import make_card, write_card

PAGES = {"index.html": "index", "models/a.html": "a", "models/b.html": "b"}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_old_pages_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    site = tmp_path / "deep" / "site"
    write_site(PAGES, site)
    assert files(site) == {*PAGES, MARKER}
    write_card(make_card("chgnet-0.3.0", "materials"), site / "cards")
    (site / "models" / "mine.html").write_text("mine")
    write_site({"index.html": "second", "models/b.html": "b"}, site)
    assert files(site) == {
        "index.html",
        "models/b.html",
        "models/mine.html",
        "cards/chgnet-0.3.0-materials.json",
        MARKER,
    }
    assert (site / "index.html").read_text() == "second"
    assert json.loads((site / MARKER).read_text())["files"] == ["index.html", "models/b.html"]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my page")
    with pytest.raises(ValueError, match=r"contains index\.html and was not written by hyle leaderboard"):
        write_site(PAGES, tmp_path)
    assert (tmp_path / "index.html").read_text() == "my page"
    assert files(tmp_path) == {"index.html"}
    with pytest.raises(ValueError, match="is a file: name a folder"):
        write_site(PAGES, tmp_path / "index.html")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"generator": "other", "files": []}', '{"generator": "hyle leaderboard"}', "[" * 99999]
)
def test_a_marker_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(ValueError, match="name another folder, or delete this one"):
        write_site(PAGES, tmp_path)


def test_a_marker_cannot_make_it_delete_other_files(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_site(PAGES, site)
    (tmp_path / "precious.txt").write_text("x")
    (site / "notes.html").write_text("x")
    names = [
        "../precious.txt",
        str(tmp_path / "precious.txt"),
        "notes.html",
        "models/../notes.html",
        "models/../../precious.txt",
        3,
    ]
    (site / MARKER).write_text(json.dumps({"generator": "hyle leaderboard", "files": names}))
    write_site(PAGES, site)
    assert (tmp_path / "precious.txt").exists()
    assert (site / "notes.html").exists()


def test_an_interrupted_run_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hyle.cli.leaderboard import folder as module

    write_site(PAGES, tmp_path)
    write, count = module.write_atomically, []

    def failing(path: Path, content: bytes) -> Path:
        count.append(path)
        if len(count) == 3:
            raise KeyboardInterrupt
        return write(path, content)

    monkeypatch.setattr(module, "write_atomically", failing)
    with pytest.raises(KeyboardInterrupt):
        write_site({"index.html": "new", "models/c.html": "c", "models/d.html": "d"}, tmp_path)
    assert (tmp_path / "index.html").read_text() == "index"  # the page with the links is the last
    monkeypatch.undo()
    write_site({"index.html": "new"}, tmp_path)
    assert files(tmp_path) == {"index.html", MARKER}


def test_the_command_reads_no_card_for_a_folder_that_it_refuses(mistake: Callable, tmp_path: Path) -> None:
    write_card(make_card("chgnet-0.3.0", "materials"), tmp_path / "cards")
    assert "contains chgnet-0.3.0-materials.json" in mistake("leaderboard", "cards", "-o", "cards")
