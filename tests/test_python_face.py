"""`import hyle`: what it loads, which names it has, and `hyle.compare` on files, frames and tensors."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hyle

FACES = (
    *("hyle", "hyle.engine", "hyle.zoo", "hyle.cli"),
    *(f"hyle.engine.{folder}" for folder in ("metrics", "analysis", "losses", "training")),
)
LISTED = ("hyle", "hyle.engine", "hyle.zoo")  # whose `dir` shows nothing else
HELPERS = {"lazy_names"}  # of other packages of hyle, not for users
OPTIONS = {"metrics": ["mutual_knn"], "k": 5}
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 6))
Y = X[:, :4] + 0.1 * rng.normal(size=(40, 4))
IDS = [f"m{i}" for i in range(40)]
SCORE = float(hyle.mutual_knn(X, Y, k=5))


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def test_the_import_loads_nothing_and_takes_no_time() -> None:
    script = """
import sys, time, json
before, start = set(sys.modules), time.process_time()
import hyle
print(json.dumps([time.process_time() - start, sorted(set(sys.modules) - before)]))
"""
    seconds, loaded = json.loads(python("-c", script))
    assert "hyle" in loaded
    assert not [name for name in loaded if name.startswith("hyle.")]
    assert {name.partition(".")[0] for name in loaded} <= {"hyle", *sys.stdlib_module_names}
    assert seconds < 0.05


@pytest.mark.parametrize("first", ["engine", "zoo", "cli", "load", "cka"])
def test_each_name_is_imported_by_itself(first: str) -> None:
    assert first in python("-c", f"import hyle; print(hyle.{first}.__name__)")


def test_the_module_runs_the_command_line() -> None:
    assert python("-m", "hyle", "--version") == f"hyle {hyle.__version__}\n"
    assert hyle.__version__ == importlib.metadata.version("hyle")


def test_the_examples() -> None:
    assert doctest.testmod(hyle).failed == 0
    assert doctest.testmod(sys.modules[hyle.compare.__module__]).failed == 0
    assert "hyle.compare" in (hyle.__doc__ or "")


def exported(module: str) -> set[str]:
    """Names that an `__init__.py` imports from its folder under their own name, and the public ones that it defines."""
    tree = ast.parse(Path(importlib.import_module(module).__file__ or "").read_text("utf-8"))
    for_types = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    names = set()
    for node in [*tree.body, *(inner for block in for_types for inner in block.body)]:
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("hyle")):
            names |= {alias.asname for alias in node.names if alias.asname == alias.name}
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names


@pytest.mark.parametrize("module", FACES)
def test_all_is_what_is_exported(module: str) -> None:
    face = importlib.import_module(module)
    subpackages = {"cli", "engine", "zoo"} if module == "hyle" else set()
    # Projector needs Flax, and is imported when it is first used.
    assert set(face.__all__) - {"Projector"} == exported(module) - subpackages - HELPERS
    assert len(face.__all__) == len(set(face.__all__))
    if module in LISTED:
        assert set(face.__all__) | subpackages <= set(dir(face))
    for name in {*face.__all__} | subpackages:
        assert getattr(face, name) is not None


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="'hyle' has no attribute 'comparee'"):
        hyle.comparee  # noqa: B018


def test_no_name_means_two_things() -> None:
    for name in set(hyle.__all__) - {"compare", "__version__"}:
        there = [module for module in (hyle.engine, hyle.zoo) if name in module.__all__]
        assert len(there) == 1, name
        assert getattr(hyle, name) is getattr(there[0], name)


def test_every_metric_is_among_the_names() -> None:
    functions = {name for name in hyle.engine.metrics.__all__ if inspect.isfunction(getattr(hyle.engine.metrics, name))}
    assert functions & set(hyle.engine.__all__) - {"find_metric"} <= set(hyle.__all__)
    assert {"cka", "mutual_knn", "rsa"} <= functions


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(a, embedding=X, ids=IDS)
    np.savez(b, embedding=Y[::-1], ids=IDS[::-1])
    return a, b


def test_files_are_joined_by_id(files: tuple[Path, Path]) -> None:
    a, b = files
    forms = [((str(a), b), {}), (([a, str(b)],), {}), (({"a": a, "b": str(b)},), {})]
    for given, more in forms:
        comparison = hyle.compare(*given, **OPTIONS, **more)
        assert comparison.model.values.tolist() == ["a", "b"]
        assert float(comparison.mutual_knn.sel(model="a", other="b")) == pytest.approx(SCORE)


def test_files_meet_representations_and_files_of_the_same_name(files: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = files
    (tmp_path / "other").mkdir()
    second = tmp_path / "other" / "a.npz"
    second.write_bytes(b.read_bytes())
    comparison = hyle.compare(a, second, hyle.read_embeddings(b, name="named"), **OPTIONS)
    assert comparison.model.values.tolist() == ["a", "a (2)", "named"]
    assert float(comparison.mutual_knn.sel(model="named", other="a (2)")) == 1


def test_covariates_from_a_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    covariates = tmp_path / "c.npz"
    np.savez(covariates, embedding=X[:, :1], ids=IDS)
    read = hyle.compare(*files, covariates=covariates, **OPTIONS)
    given = hyle.compare(*files, covariates=hyle.read_embeddings(covariates), **OPTIONS)
    assert read.attrs["covariates"].startswith("1 columns")
    np.testing.assert_array_equal(read.mutual_knn.values, given.mutual_knn.values)


def test_a_file_without_ids_says_what_to_do_in_python(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, embedding=X)
    with pytest.raises(ValueError, match=r"rows\.npz.*hyle\.read_embeddings\(path, number_rows=True\)") as caught:
        hyle.compare(path, path)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nosuch\.npz does not exist"):
        hyle.compare({"a": tmp_path / "nosuch.npz", "b": X})
    with pytest.raises(FileNotFoundError, match=r"^cka is not a file but a metric: use metrics=\['cka'\]"):
        hyle.compare(X, Y, "cka")
    with pytest.raises(FileNotFoundError, match=r"^minilm is not a file but a model: use hyle\.load\('minilm'\)"):
        hyle.compare("minilm", "chgnet-0.3.0")


@pytest.mark.parametrize("path", ["a.npz", Path("a.npz")])
def test_the_engine_says_who_reads_files(path: str | Path) -> None:
    with pytest.raises(TypeError, match=r"^a is the text 'a\.npz': hyle\.compare reads files") as caught:
        hyle.engine.compare({"a": path, "b": path})
    assert "\n" not in str(caught.value)


def test_warnings_point_to_the_line_of_the_caller() -> None:
    with pytest.warns(UserWarning, match="no pair can be significant") as caught:
        hyle.compare(X, Y, **OPTIONS, permutations=3)
    assert [warning.filename for warning in caught] == [__file__]
