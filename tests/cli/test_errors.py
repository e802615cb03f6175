"""How errors end: bugs with their traceback, mistakes and files that cannot be read or written in one line."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import xarray as xr

from hyle.cli.atomic import write_atomically
from hyle.cli.commands import analyse, distill
from hyle.engine import HyleError as EngineError
from hyle.engine import save_comparison
from hyle.zoo import InputError, OutputError, output_errors

from ..full_disk import REASON, full_disk

Run = Callable[..., Any]
COMPARE = ("compare", "a.npz", "b.npz", "--metrics", "cka", "--permutations", 0)
FORMATS = (".nc", ".csv", ".json", ".html")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let `hyle datasets` raise an error."""

    def raise_error(error: BaseException) -> None:
        def fail() -> None:
            raise error

        monkeypatch.setattr("hyle.cli.commands.datasets.list_datasets", fail)
        # The file that raises it is one of hyle.
        monkeypatch.setattr("hyle.cli.failures.describe_user_error", lambda error: None)

    return raise_error


@pytest.mark.parametrize("kind", [ValueError, TypeError, RuntimeError, OSError, ImportError, EOFError])
def test_a_bug_keeps_its_traceback(
    run: Run, broken: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    broken(kind("operands could not be broadcast together"))
    with pytest.raises(RuntimeError if kind is EOFError else kind, match="operands could not be broadcast"):
        run("datasets")
    assert "This is a bug in hyle" in capsys.readouterr().err


def test_a_bug_below_code_of_hyle_is_not_taken_for_the_users(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyle.cli.commands.datasets.list_datasets", lambda: [None])
    with pytest.raises(AttributeError):
        run("datasets")


@pytest.mark.parametrize("error", [InputError("a file\nis wrong"), EngineError("a file is wrong")])
def test_an_error_on_purpose_is_one_line(
    run: Run, mistake: Callable[..., str], broken: Callable[[BaseException], None], error: Exception
) -> None:
    broken(error)
    assert mistake("datasets") == "Error: a file is wrong"
    assert "bug" not in run("datasets").err


def test_hyle_debug_shows_the_traceback(
    run: Run, broken: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(InputError("a file is wrong"))
    monkeypatch.setenv("HYLE_DEBUG", "1")
    ran = run("datasets")
    assert ran.code == 2
    assert "Traceback (most recent call last)" in ran.err
    assert ran.err.endswith("Error: a file is wrong\n")
    assert "HYLE_DEBUG" in run("--help").out


def test_an_error_in_code_of_the_user_names_its_line(
    mistake: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typo.py").write_text(TYPO)
    monkeypatch.delitem(sys.modules, "typo", raising=False)
    line = mistake("embed", "typo:Typo", "-n", 5)
    expected = "AttributeError: 'Sample' object has no attribute 'smile' (typo.py:12, in count)"
    assert line == f"Error: {expected}; to see the traceback, set HYLE_DEBUG=1"
    sys.modules.pop("typo")


TYPO = """
import numpy as np
from hyle.zoo import Adapter

class Typo(Adapter):
    view, layers, pooling = "smiles", ("rows",), "none"

    def forward(self, samples, layer):
        return np.array([[count(s)] for s in samples])

def count(sample):
    return len(sample.smile)
"""


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("compare", "a.npz", "nowhere.npz", "--json"), "MissingFileError", "nowhere.npz does not exist"),
        (("compare", "a.npz", "b.npz", "-k", 60, "--json"), "InputError", "-k 60 is too many"),
        (("embed", "--json"), "MissingParameter", "Missing argument 'MODELS...'"),
        (("dimension", "a.npz", "-k", "x", "--json"), "BadParameter", "'x' is not a valid integer"),
        (("models", "nosuch", "--json"), "InputError", "nosuch"),
        (("compair", "--json"), "UsageError", "compair"),
    ],
)
def test_with_json_a_mistake_is_json_and_one_line(
    run: Run, pair: object, arguments: tuple[object, ...], kind: str, message: str
) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.json["error"]["type"] == kind
    assert message in ran.json["error"]["message"]
    lines = ran.err.splitlines()
    assert lines[-1] == f"Error: {ran.json['error']['message']}"
    assert not [line for line in lines if line.startswith(("Usage", "Try"))]


def test_with_json_a_bug_is_json_and_a_traceback(run: Run, capsys: pytest.CaptureFixture[str], broken: Any) -> None:
    broken(ValueError("wrong shapes"))
    with pytest.raises(ValueError, match="wrong shapes"):
        run("datasets", "--json")
    assert json.loads(capsys.readouterr().out) == {"error": {"type": "ValueError", "message": "wrong shapes"}}


@pytest.mark.parametrize(
    ("command", "old", "new", "argument"),
    [
        (analyse.command, "--few", "--n-labels", "n_labels"),
        (distill.command, "--every", "--eval-every", "eval_every"),
    ],
)
def test_options_that_were_renamed_are_accepted_with_a_note(
    command: click.Command, old: str, new: str, argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.make_context("hyle", ["x.nc", old, "20"]).params[argument] == 20
    assert f"note: {old} is now called {new}" in capsys.readouterr().err
    assert command.make_context("hyle", ["x.nc", new, "20"]).params[argument] == 20
    assert capsys.readouterr().err == ""
    assert old not in command.get_help(click.Context(command))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_comparison_that_cannot_be_written_is_one_line(
    mistake: Callable[..., str], pair: object, tmp_path: Path, suffix: str
) -> None:
    inside = mistake(*COMPARE, "-o", f"a.npz/x{suffix}")
    assert inside.endswith(f"cannot write a.npz/x{suffix}: a.npz is a file, not a folder")
    Path(f"folder{suffix}").mkdir()
    assert mistake(*COMPARE, "-o", f"folder{suffix}").endswith(
        f"cannot write folder{suffix}: it is a folder, not a file"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "b.npz", f"folder{suffix}"}


def test_a_sweep_that_cannot_be_written_is_one_line(mistake: Callable[..., str], pair: object) -> None:
    for suffix in (".nc", ".csv", ".json"):
        line = mistake(*COMPARE, "--sweep", "n=20,40", "-o", f"a.npz/x{suffix}")
        assert line.endswith("a.npz is a file, not a folder")


def test_a_full_disk_is_one_line(
    mistake: Callable[..., str], pair: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hyle.cli.atomic.os.fdopen", full)
    monkeypatch.setattr("hyle.engine.base.netcdf.Path.write_bytes", full)
    for suffix in FORMATS:
        assert mistake(*COMPARE, "-o", f"x{suffix}").endswith(f"cannot write x{suffix}: No space left on device")
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "b.npz"}


def test_a_report_that_cannot_be_written_is_one_line(
    run: Run, mistake: Callable[..., str], pair: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*COMPARE, "-o", "ab.nc").code == 0
    assert mistake("report", "ab.nc", "-o", "a.npz/out").endswith(
        "cannot write a.npz/out: a.npz is a file, not a folder"
    )
    Path("out").mkdir()
    Path("out/comparison.csv").mkdir()
    line = mistake("report", "ab.nc", "-o", "out", "--replace")
    assert line == "Error: cannot write out/comparison.csv: Is a directory"


def test_a_history_that_cannot_be_drawn_is_one_line(mistake: Callable[..., str], pair: object) -> None:
    from hyle.engine.training import History, save_history

    history = History()
    for step in (0, 1):
        history.add(step, {"cka": {"teacher": 0.5}}, loss=1.0)
    save_history(history, "history.nc")
    assert "a.npz is a file, not a folder" in mistake("report", "history.nc", "-o", "a.npz/out")


def test_embeddings_that_cannot_be_written_are_one_line(mistake: Callable[..., str], pair: object) -> None:
    embed = ("embed", "random", "-n", 5)
    assert "cannot write a.npz/x.csv: a.npz is a file" in mistake(*embed, "-o", "a.npz/x.csv")
    assert "cannot write a.npz/store: a.npz is a file" in mistake(*embed, "--store", "a.npz/store")


def test_a_folder_is_refused_before_anything_is_computed(
    mistake: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("hyle.cli.commands.embed.embed_together_with_progress", compute)
    for name in ("folder.npz", "folder.zarr"):
        Path(name).mkdir()
        Path(name, "thesis.txt").write_text("mine")
        assert f"cannot write {name}: it is a folder" in mistake("embed", "random", "-n", 5, "-o", name)
        assert Path(name, "thesis.txt").read_text() == "mine"
    assert "the suffix must be one of" in mistake("embed", "random", "-n", 5, "-o", "x.pt")


def test_embeddings_on_a_full_disk_are_one_line(mistake: Callable[..., str]) -> None:
    with full_disk():
        line = mistake("embed", "random", "-n", 200)
    assert line.endswith(f"store: {REASON}; choose another folder with --store")


def test_a_panel_that_cannot_be_written_is_one_line(mistake: Callable[..., str], pair: object) -> None:
    assert "a.npz is a file, not a folder" in mistake("benchmark", "--rebuild-panel", "a.npz/panels")


def test_an_error_of_the_engine_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.nc").mkdir()
    with pytest.raises(OSError, match=rf"^cannot write {tmp_path}/a\.nc: Is a directory$"), output_errors(tmp_path):
        save_comparison(xr.Dataset(), tmp_path / "a.nc")


def test_an_error_of_hdf5_is_shortened(tmp_path: Path) -> None:
    message = (
        "Unable to create file (file write failed: errno = 28, error message = 'No space left on device', buf = 0x5)"
    )
    with pytest.raises(OutputError, match=r"x\.nc: No space left on device$"), output_errors(tmp_path / "x.nc"):
        raise OSError(message)


def test_errors_on_purpose_pass_through(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^set HYLE_CACHE$"), output_errors(tmp_path):
        raise OutputError("set HYLE_CACHE")
    with pytest.raises(OutputError, match="Is a directory"):
        write_atomically(tmp_path, b"")


@pytest.mark.parametrize("command", ["report", "analyse"])
def test_a_damaged_comparison_is_one_line(
    run: Run, mistake: Callable[..., str], pair: object, tmp_path: Path, command: str
) -> None:
    assert run(*COMPARE, "-o", "x.nc").code == 0
    content = bytearray((tmp_path / "x.nc").read_bytes())
    for place in (0, 100, len(content) // 2, len(content) - 200):
        damaged = content.copy()
        damaged[place] ^= 4
        (tmp_path / "x.nc").write_bytes(damaged)
        assert "x.nc is damaged, or was changed by another program" in mistake(command, "x.nc")
    (tmp_path / "x.nc").write_bytes(content[:1000])
    assert "x.nc is not a netCDF-4 file, or is damaged" in mistake(command, "x.nc")


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".npy", ".parquet", ".safetensors", ".h5"])
def test_embeddings_that_cannot_be_read_are_one_line(mistake: Callable[..., str], pair: object, suffix: str) -> None:
    Path(f"binary{suffix}").write_bytes(np.random.default_rng(0).bytes(3000))
    Path(f"folder{suffix}").mkdir()
    for name in ("binary", "folder"):
        assert f"{name}{suffix}" in mistake("compare", "a.npz", f"{name}{suffix}")


def test_truncated_files_are_one_line(run: Run, mistake: Callable[..., str], pair: object) -> None:
    assert run(*COMPARE, "-o", "ab.nc").code == 0
    for name in ("a.npz", "ab.nc"):
        content = Path(name).read_bytes()
        Path(f"part-{name}").write_bytes(content[: len(content) // 2])
    assert "part-a.npz" in mistake("compare", "a.npz", "part-a.npz")
    assert "part-a.npz" in mistake("compare", "a.npz", "b.npz", "--covariates", "part-a.npz")
    assert "part-a.npz" in mistake("analyse", "ab.nc", "--classes", "part-a.npz")
    for command in ("report", "analyse"):
        assert "part-ab.nc is not a netCDF-4 file" in mistake(command, "part-ab.nc")


def test_tables_that_cannot_be_read_are_one_line(run: Run, mistake: Callable[..., str], pair: object) -> None:
    assert run(*COMPARE, "-o", "ab.nc").code == 0
    Path("binary.csv").write_bytes(np.random.default_rng(0).bytes(3000))
    Path("folder.csv").mkdir()
    for name in ("binary.csv", "folder.csv", "nowhere.csv"):
        assert name in mistake(*COMPARE, "--groups", name)
        assert name in mistake("embed", "random", "--dataset", name)
        for option in ("--errors", "--classes", "--sizes"):
            assert name in mistake("analyse", "ab.nc", option, name)
        assert name in mistake("analyse", "ab.nc", "--label", name, "--embeddings", "a.npz", "--embeddings", "b.npz")
    Path("folder.nc").mkdir()
    assert "folder.nc" in mistake("report", "folder.nc")
