"""A comparison that is killed at any moment continues, and ends with the same numbers."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hyle.engine import compare
from hyle.engine.base import Checkpoint, OutputError


def start(root: Path, folder: str, what: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.engine.comparison.interrupted", folder, what]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def completed(root: Path, folder: str, what: str) -> tuple[str, float]:
    """Return what is printed in the end, and the seconds that the comparison took."""
    process = start(root, folder, what)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    began = time.monotonic()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-4000:]
    return output, time.monotonic() - began


@pytest.mark.parametrize(
    ("what", "kills"),
    [
        ("few", 1),
        *(pytest.param(what, 10, marks=pytest.mark.thorough) for what in ("exact", "queries", "tables", "mesh")),
    ],
)
def test_kills_change_no_number(what: str, kills: int, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    root = pytestconfig.rootpath
    expected, whole = completed(root, "-", what)
    generator, killed = random.Random(0), 0
    for _ in range(kills):
        process = start(root, str(tmp_path), what)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        if kills == 1:
            while process.poll() is None and not any(tmp_path.iterdir()):  # until something is saved
                time.sleep(0.01)
            killed += process.poll() is None
        else:
            try:
                process.wait(generator.uniform(0, whole))
            except subprocess.TimeoutExpired:
                killed += 1
        process.kill()
        process.communicate()
    assert killed
    assert any(tmp_path.iterdir())
    assert completed(root, str(tmp_path), what)[0] == expected


@pytest.mark.filterwarnings("ignore::hyle.engine.ResolutionWarning")
def test_saved_results_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    given = {name: generator.normal(size=(300, 8)).astype(np.float32) for name in "abc"}
    options = {"metrics": ["cka_rbf", "mutual_knn"], "k": 5, "permutations": 40, "checkpoint": tmp_path}
    first = compare(given, **options)

    def again(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("hyle.engine.context.bandwidths.median_of_prepared", again)
    monkeypatch.setattr(sys.modules[compare.__module__], "null_of", again)
    xr.testing.assert_identical(compare(given, **options), first)
    # Other inputs are computed.
    with pytest.raises(AssertionError, match="computed again"):
        compare({**given, "c": given["c"] + np.float32(1)}, **options)
    with pytest.raises(AssertionError, match="computed again"):
        compare(given, **options | {"k": 6})


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder", "utf-8")
    with pytest.raises(OutputError, match="file"):
        Checkpoint(file).save("x", {"value": np.ones(3)})


class StoppedError(Exception):
    """Raised by a test."""


def test_queries_keep_each_model_that_is_done(tmp_path: Path) -> None:
    """Also where every model takes less time than that after which a pass saves what it has found."""
    generator = np.random.default_rng(0)
    models = {name: generator.normal(size=(400, 6)).astype(np.float32) for name in "abcd"}

    def stop(_: str, fraction: float) -> None:
        if fraction >= 0.5:
            raise StoppedError

    options = {"metrics": "mutual_knn", "k": 5, "queries": 100}
    with pytest.raises(StoppedError):
        compare(models, **options, checkpoint=tmp_path, progress=stop)
    assert list(tmp_path.rglob("rows 0"))
    continued = compare(models, **options, checkpoint=tmp_path)
    np.testing.assert_array_equal(continued.mutual_knn, compare(models, **options).mutual_knn)
