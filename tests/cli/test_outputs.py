"""Output files: what hyle wrote is replaced, everything else is kept, and no folder is made by a typo."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hyle.cli.outputs import check_file, check_folder, is_input, with_generator, written_by_hyle
from hyle.engine.training import History, save_history
from hyle.zoo import OutputError, Representation, write_embeddings

Run = Callable[..., Any]
COMPARE = ("compare", "a.npz", "b.npz", "--metrics", "cka", "--permutations", 0)
EMBED = ("embed", "random", "-n", 5)
MARKED = (".npz", ".parquet", ".safetensors", ".h5", ".zarr")
USERS = {
    ".csv": "id,x\n1,2\n",
    ".json": '{"results": [], "recipe": {"version": 1}}',
    ".html": "<html><head><title>hyle</title></head></html>",
    ".nc": "CDF",
    ".npz": "mine",
    ".npy": "mine",
}


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".json", ".html"])
def test_a_comparison_replaces_its_own_file_and_no_other(
    run: Run, mistake: Callable[..., str], pair: object, suffix: str
) -> None:
    path = Path(f"out{suffix}")
    assert f"wrote out{suffix}" in run(*COMPARE, "-o", path).err
    assert f"replaced out{suffix}" in run(*COMPARE, "-o", path).err
    path.write_text(USERS[suffix])
    line = mistake(*COMPARE, "-o", path)
    assert line.startswith(f"Error: cannot write {path}: it exists, and nothing in it shows that hyle wrote it")
    assert path.read_text() == USERS[suffix]
    assert f"replaced out{suffix}" in run(*COMPARE, "-o", path, "--replace").err
    assert written_by_hyle(path)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_sweep_replaces_its_own_file(run: Run, pair: object, suffix: str) -> None:
    sweep = (*COMPARE, "--sweep", "n=20,40", "-o", f"out{suffix}")
    assert "wrote" in run(*sweep).err
    assert "replaced" in run(*sweep).err


@pytest.mark.parametrize("suffix", MARKED)
def test_embeddings_replace_their_own_file_and_no_other(
    run: Run, mistake: Callable[..., str], tmp_path: Path, suffix: str
) -> None:
    name = f"out{suffix}"
    assert f"wrote {name}" in run(*EMBED, "-o", name).err
    assert f"replaced {name}" in run(*EMBED, "-o", name).err
    mine = Representation("mine", np.ones((3, 2), np.float32), ["a", "b", "c"])
    write_embeddings(mine, tmp_path / f"mine{suffix}")
    assert "nothing in it shows that hyle wrote it" in mistake(*EMBED, "-o", f"mine{suffix}")


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_files_that_have_no_place_for_a_mark_are_kept(run: Run, mistake: Callable[..., str], suffix: str) -> None:
    assert f"wrote out{suffix}" in run(*EMBED, "-o", f"out{suffix}").err
    assert "with --replace" in mistake(*EMBED, "-o", f"out{suffix}")
    assert f"replaced out{suffix}" in run(*EMBED, "-o", f"out{suffix}", "--replace").err


def test_ids_beside_an_array_are_kept(mistake: Callable[..., str]) -> None:
    Path("out.ids.txt").write_text("mine")
    assert "cannot write out.ids.txt" in mistake(*EMBED, "-o", "out.npy")
    assert Path("out.ids.txt").read_text() == "mine"


@pytest.mark.parametrize("option", [(), ("--replace",)])
@pytest.mark.parametrize("form", [("-o", "g.csv"), ("--output=g.csv",), ("-o", "./g.csv")])
def test_an_input_is_not_an_output(
    mistake: Callable[..., str], pair: object, option: tuple[str, ...], form: tuple[str, ...]
) -> None:
    pd.DataFrame({"id": [f"m{i:02d}" for i in range(60)], "group": ["a", "b"] * 30}).to_csv("g.csv", index=False)
    before = Path("g.csv").read_text()
    for arguments in (
        (*COMPARE, "--groups", "g.csv"),
        (*COMPARE, "--groups=g.csv"),
        ("compare", "a.npz", "g.csv"),
        (*COMPARE, "--covariates", "g.csv"),
        ("embed", "random", "--dataset", "g.csv"),
    ):
        assert "g.csv: it is also an input of this command" in mistake(*arguments, *form, *option)
    assert Path("g.csv").read_text() == before


def test_a_missing_folder_is_not_made(mistake: Callable[..., str], pair: object) -> None:
    for arguments in (
        (*COMPARE, "-o", "no such/dir/x.csv"),
        (*EMBED, "-o", "no such/dir/x.npz"),
        ("run", "-o", "no such/dir/report"),
        ("benchmark", "random", "-o", "no such/dir/x.json"),
        ("study", "-o", "no such/dir/study"),
    ):
        assert mistake(*arguments).endswith("there is no folder no such/dir; to make it: mkdir -p 'no such/dir'")
    assert not Path("no such").exists()


def test_a_report_replaces_a_report_and_nothing_else(
    run: Run, mistake: Callable[..., str], pair: object, tmp_path: Path
) -> None:
    assert run(*COMPARE, "-o", "ab.nc").code == 0
    assert run("report", "ab.nc", "-o", "out").err.endswith("wrote out/report.html\n")
    assert run("report", "ab.nc", "-o", "out").err.endswith("replaced out/report.html\n")
    # The same comparison may be drawn again in its own folder, but another input is not replaced by it.
    assert "replaced out/report.html" in run("report", "out/comparison.nc", "-o", "out").err
    assert "out/comparison.nc is also an input" in mistake(
        "report", "ab.nc", "--against", "out/comparison.nc", "-o", "out"
    )
    for name in ("report.html", "comparison.csv", "figures/mine.svg"):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
        line = mistake("report", "ab.nc", "-o", folder.name)
        assert f"{folder.name}/{name.partition('/')[0]} exists, and nothing in it shows that hyle wrote it" in line
        assert (folder / name).read_text() == "mine"
    # Other files do not matter.
    Path("project").mkdir()
    Path("project/README.md").write_text("mine")
    assert "wrote project/report.html" in run("report", "ab.nc", "-o", "project").err
    assert Path("project/README.md").read_text() == "mine"


def test_a_history_replaces_a_history_and_nothing_else(run: Run, mistake: Callable[..., str]) -> None:
    history = History()
    for step in (0, 1):
        history.add(step, {"cka": {"teacher": 0.5}}, loss=1.0)
    save_history(history, "history.nc")
    assert "wrote out/history.html" in run("report", "history.nc", "-o", "out").err
    assert "replaced out/history.html" in run("report", "history.nc", "-o", "out").err
    Path("other").mkdir()
    Path("other/history.svg").write_text("mine")
    assert "other/history.svg exists" in mistake("report", "history.nc", "-o", "other")


def test_the_study_does_not_replace_the_readme_of_a_project(mistake: Callable[..., str]) -> None:
    Path("README.md").write_text("mine")
    assert "README.md exists, and nothing in it shows that hyle wrote it" in mistake("study", "-o", ".")


def test_what_says_that_hyle_wrote_it(tmp_path: Path) -> None:
    card = {"schema": 1, "hyle_version": "0.1.0", "model": "m"}
    findings = {"findings": [], "sets": {"qm9": {"hyle_version": "0.1.0"}}}
    for data, expected in ((card, True), (findings, True), ({"a": 1}, False), ([card], False)):
        (tmp_path / "x.json").write_text(json.dumps(data))
        assert written_by_hyle(tmp_path / "x.json") is expected
    (tmp_path / "x.html").write_text("<html><head></head>")
    assert not written_by_hyle(tmp_path / "x.html")
    page = with_generator("<html><head></head>")
    assert with_generator(page) == page
    (tmp_path / "x.html").write_text(page)
    assert written_by_hyle(tmp_path / "x.html")
    for name in ("x.csv", "x.json", "x.html", "x.nc", "x.npz", "x.parquet", "x.h5", "x.md"):
        (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(500))
        assert not written_by_hyle(tmp_path / name)


def test_an_empty_file_or_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.csv").touch()
    (tmp_path / "out").mkdir()
    assert check_file(tmp_path / "x.csv").existed
    assert not check_folder(tmp_path / "out", ["report.html"], ["figures"]).existed


def test_a_file_is_found_among_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).touch()
    monkeypatch.setattr("sys.argv", ["hyle", "compare", "./a.csv", "-o", "b.csv"])
    assert is_input(tmp_path / "a.csv")
    assert not is_input(tmp_path / "b.csv")


def test_a_folder_that_is_a_file_or_not_writable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_folder(tmp_path / "file", ["report.html"])
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_file(tmp_path / "file" / "x.csv")
    monkeypatch.setattr("hyle.cli.outputs.os.access", lambda path, mode: False)
    with pytest.raises(OutputError, match="is not writable"):
        check_file(tmp_path / "x.csv")


def test_a_folder_is_not_named_like_a_page(tmp_path: Path) -> None:
    with pytest.raises(
        OutputError, match=r"is a folder with report\.html in it; name a folder, such as -o '.*/my page'"
    ):
        check_folder(tmp_path / "my page.html", ["report.html"])
    (tmp_path / "old.html").mkdir()
    assert check_folder(tmp_path / "old.html", ["report.html"]).path == tmp_path / "old.html" / "report.html"
