"""Terminals that are not UTF-8, file names that are no text, and packages that are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.process import FALLBACKS

Run = Callable[..., Any]
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from hyle.cli import main
sys.argv = ["hyle", *{arguments!r}]
main()
"""


def hyle(folder: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "hyle.cli", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "HYLE_STORE": str(folder / "store"), **environment},
        capture_output=True,
        check=False,
    )


@pytest.fixture
def noise(tmp_path: Path) -> None:
    """Two unrelated files, whose scores carry signs that are not ASCII."""
    generator, ids = np.random.default_rng(0), np.array([f"m{i}" for i in range(40)])
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", embedding=generator.normal(size=(40, 6)), ids=ids)


COMPARE = ("compare", "a.npz", "b.npz", "-k", 5, "--metrics", "cka,cknna", "--intervals", 5)


@pytest.mark.parametrize(
    "encoding", ["latin-1", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("ascii", "cp1252"))]
)
def test_a_terminal_that_is_not_utf8_gets_fallbacks(noise: None, tmp_path: Path, encoding: str) -> None:
    ran = hyle(tmp_path, *COMPARE, "-o", "x.csv", PYTHONIOENCODING=encoding)
    assert (ran.returncode, (tmp_path / "x.csv").exists()) == (0, True)
    out = ran.stdout.decode(encoding)
    assert " ~" in out
    assert "~ not significantly above chance" in out
    assert ("\N{PLUS-MINUS SIGN}" if encoding != "ascii" else "+-") in out
    assert "?" not in out
    assert b"wrote x.csv" in ran.stderr


def test_the_c_locale_works(noise: None, tmp_path: Path) -> None:
    ran = hyle(tmp_path, *COMPARE, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert ran.returncode == 0
    assert ran.stdout.isascii()
    assert b"~ not significantly above chance" in ran.stdout


def test_json_loses_no_character(noise: None, tmp_path: Path) -> None:
    ran = hyle(tmp_path, "models", "chgnet-0.3.0", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(ran.stdout.decode("ascii")) == json.loads(
        hyle(tmp_path, "models", "chgnet-0.3.0", "--json").stdout
    )


def test_every_fallback_is_ascii() -> None:
    assert all(text.isascii() and not sign.isascii() for sign, text in FALLBACKS.items())


def test_a_file_name_that_is_no_text_can_be_compared_and_written(run: Run, noise: None, tmp_path: Path) -> None:
    odd = os.fsdecode(b"odd\xff.npz")
    (tmp_path / "b.npz").rename(tmp_path / odd)
    for suffix in ("nc", "csv", "json", "html"):
        assert run("compare", "a.npz", odd, "-k", 5, "--metrics", "cka", "-o", f"x.{suffix}").code == 0
    assert run("compare", "a.npz", odd, "-k", 5, "--metrics", "cka", "--json").json["models"] == ["a", "odd\ufffd"]


def blocked(folder: Path, modules: str, *arguments: object) -> list[str]:
    code = textwrap.dedent(BLOCKED).format(blocked=modules.split(), arguments=list(map(str, arguments)))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "HYLE_STORE": str(folder / "store"), "HYLE_MODELS": str(folder / "models")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    return ran.stderr.splitlines()


@pytest.mark.parametrize(
    ("module", "arguments", "command"),
    [
        pytest.param("rdkit", ("embed", "morgan", "-n", 5), "pip install 'rdkit>=", marks=pytest.mark.thorough),
        ("altair", (*COMPARE, "-o", "x.html"), "pip install 'altair>="),
        ("torch", ("embed", "minilm", "-n", 5), "torch"),
        pytest.param(
            "transformers", ("embed", "minilm", "-n", 5), "pip install transformers", marks=pytest.mark.thorough
        ),
    ],
)
def test_a_missing_package_says_what_installs_it(
    noise: None, tmp_path: Path, module: str, arguments: tuple[object, ...], command: str
) -> None:
    line = blocked(tmp_path, module, *arguments)[-1]
    assert line.startswith(f"Error: {module} is not installed; to install it: pip install ")
    assert command in line


@pytest.mark.thorough
def test_distill_without_flax_says_what_installs_it(noise: None, run: Run, tmp_path: Path) -> None:
    pytest.importorskip("flax")
    assert run("embed", "random", "-n", 100).code == 0
    for module in ("flax", "optax", "orbax"):
        line = blocked(tmp_path, module, "distill", "random", "-n", 100, "--steps", 2)[-1]
        assert "pip install " in line
        assert module in line
