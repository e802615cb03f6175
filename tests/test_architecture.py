"""Who imports what from where: faces and privacy. Layers and circles are contracts in pyproject.toml."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOPS = ("engine", "zoo", "cli")
# Folders whose files are each found by name, so that one more is one file: `hyle.cli.commands.NAME` and the like.
BY_NAME = {"hyle.cli.commands", "hyle.zoo.adapters"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(("hyle", *parts) if parts[0] in TOPS else parts)


FILES = [path for top in (*TOPS, "tests", "bench") for path in sorted((ROOT / top).rglob("*.py"))]
MODULES = {module_name(path): path for path in FILES}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def imports(name: str) -> Iterator[tuple[int, str]]:
    """Line and target of every import of a module of this repository, in functions and for types as well."""
    package = name if name in PACKAGES else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def inside(name: str, folder: str) -> bool:
    return f"{name}.".startswith(f"{folder}.")


def private_from_outside(name: str, target: str) -> bool:
    """Whether a target is reached through a name with an underscore that belongs to a folder the importer is not in."""
    if not target.startswith(("hyle.", "tests.", "bench.")):
        return False
    parts = target.split(".")
    for i, part in enumerate(parts):
        if part.startswith("_") and not part.startswith("__"):
            owner = ".".join(parts[:i])
            folder = owner.rpartition(".")[0] if owner in MODULES and owner not in PACKAGES else owner
            if not inside(name, folder):
                return True
    return False


def past_the_face(name: str, target: str) -> bool:
    """Whether a target lies in a folder that the importer is not in, and is not taken from the folder itself."""
    parts = target.split(".")
    for depth in range(3, len(parts)):
        folder = ".".join(parts[:depth])
        if folder in BY_NAME or folder not in PACKAGES or inside(name, folder):
            continue
        return ".".join(parts[: depth + 1]) in MODULES and depth + 1 < len(parts)
    return False


@pytest.mark.parametrize("rule", [private_from_outside, past_the_face])
def test_imports_keep_the_rule(rule) -> None:
    checked = MODULES if rule is private_from_outside else [name for name in MODULES if name.startswith("hyle.")]
    broken = [
        f"{MODULES[name].relative_to(ROOT)}:{line} imports {target}"
        for name in checked
        for line, target in imports(name)
        if rule(name, target)
    ]
    assert broken == []


def test_the_rules_find_what_breaks_them() -> None:
    assert private_from_outside("hyle.cli.jobs.embed", "hyle.zoo._cache.cache_dir")
    assert private_from_outside("tests.zoo.test_samples", "hyle.zoo._samples.Sample")
    assert not private_from_outside("hyle.zoo.cards.card", "hyle.zoo._text.did_you_mean")
    assert past_the_face("hyle.engine.metrics.cka", "hyle.engine.gram.kernels.hsic")
    assert not past_the_face("hyle.engine.metrics.cka", "hyle.engine.gram.hsic")
    assert not past_the_face("hyle.engine.gram.median", "hyle.engine.gram.kernels.hsic")


# Import name -> name of the distribution, where they differ.
DISTRIBUTIONS = {
    "orbax": "orbax-checkpoint",
    "skbio": "scikit-bio",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "vl_convert": "vl-convert-python",
}
# Requirements of models, in their cards.
OF_CARDS = {"pymatgen", "selfies", "transformers"}


def test_everything_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    declared = {re.split(r"[^\w-]", name)[0].lower() for name in listed}
    missing = {
        f"{DISTRIBUTIONS.get(top, top)} (imported by {name})"
        for name in MODULES
        if name.startswith("hyle.") and not name.startswith("hyle.zoo.adapters.")
        for _, target in imports(name)
        for top in [target.partition(".")[0]]
        if top not in {*sys.stdlib_module_names, "hyle", *OF_CARDS}
        and DISTRIBUTIONS.get(top, top).lower() not in declared
    }
    assert missing == set()


@pytest.mark.parametrize("package", sorted(name for name in PACKAGES if name.startswith("hyle.")))
def test_every_folder_says_what_it_is_for(package: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[package].read_text("utf-8")))
    assert text
    assert len(text.splitlines()[0]) <= 120


def test_the_wheel_holds_every_file(tmp_path: Path) -> None:
    # Built from a copy of what git knows or would add, so that no leftover of an earlier build gets into it.
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = [name for name in names if (ROOT / name).is_file()]
    source = tmp_path / "source"
    for name in files:
        if name.startswith(tuple(f"{top}/" for top in TOPS)) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not re.match(r"[^/]*\.dist-info/", name)}
    assert packed == {f"hyle/{name}" for name in files if name.startswith(tuple(f"{top}/" for top in TOPS))}
