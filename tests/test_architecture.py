"""Who imports what from where: faces and privacy. Layers and circles are contracts in pyproject.toml."""

from __future__ import annotations

import ast
import os
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


# The environments of peers are in a hidden folder of bench.
FILES = [
    path
    for top in ("hyle", *TOPS, "tests", "bench")
    for path in sorted((ROOT / top).rglob("*.py"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
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
    checked = MODULES if rule is private_from_outside else [name for name in MODULES if inside(name, "hyle")]
    broken = [
        f"{MODULES[name].relative_to(ROOT)}:{line} imports {target}"
        for name in checked
        for line, target in imports(name)
        if rule(name, target)
    ]
    assert broken == []


def test_the_rules_find_what_breaks_them() -> None:
    assert private_from_outside("hyle.cli.jobs.embed", "hyle.zoo._serve.serve")
    assert private_from_outside("tests.zoo.test_samples", "hyle.zoo.adapters._layers.Linear")
    assert not private_from_outside("hyle.zoo.adapters.orb", "hyle.zoo.adapters._layers.Linear")
    assert past_the_face("hyle.zoo.cards.card", "hyle.zoo.base.text.did_you_mean")
    assert past_the_face("hyle.engine.metrics.cka", "hyle.engine.gram.kernels.hsic")
    assert not past_the_face("hyle.engine.metrics.cka", "hyle.engine.gram.hsic")
    assert not past_the_face("hyle.engine.gram.median", "hyle.engine.gram.kernels.hsic")


# Import name -> name of the distribution, where they differ.
DISTRIBUTIONS = {
    "faiss": "faiss-cpu",
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
        if inside(name, "hyle") and not name.startswith("hyle.zoo.adapters.")
        for _, target in imports(name)
        for top in [target.partition(".")[0]]
        if top not in {*sys.stdlib_module_names, "hyle", *OF_CARDS}
        and DISTRIBUTIONS.get(top, top).lower() not in declared
    }
    assert missing == set()


def test_every_extra_that_is_named_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pages = [*(path for name, path in MODULES.items() if inside(name, "hyle")), ROOT / "README.md", ROOT / "Makefile"]
    pages += sorted((ROOT / "docs").glob("*.md"))
    named = {
        extra
        for page in pages
        for extras in re.findall(r"(?:hyle|['\"]\.)\[([a-z,]+)\]", page.read_text("utf-8"))
        for extra in extras.split(",")
    }
    assert {"zoo", "train", "study"} <= named <= set(project["optional-dependencies"])


@pytest.mark.parametrize("package", sorted(name for name in PACKAGES if inside(name, "hyle")))
def test_every_folder_says_what_it_is_for(package: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[package].read_text("utf-8")))
    assert text
    assert len(text.splitlines()[0]) <= 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has or would add of the package, so that no leftover of an earlier build gets into it."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    folder = tmp_path_factory.mktemp("source")
    for name in names:
        if (ROOT / name).is_file() and (name.startswith(("hyle/", *(f"{top}/" for top in TOPS))) or "/" not in name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked, as it is installed; built from a second copy, which the build may write to."""
    build = tmp_path_factory.mktemp("build")
    shutil.copytree(source, build / "source")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", build, build / "source"]
    subprocess.run(pip, check=True)
    (file,) = build.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(build / "wheel")
    return build / "wheel"


def test_the_wheel_holds_every_file(source: Path, wheel: Path) -> None:
    def files(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    packed = {name for name in files(wheel) if not re.match(r"[^/]*\.dist-info/", name)}
    tree = {name for name in files(source) if "/" in name}
    assert packed == {name if name.startswith("hyle/") else f"hyle/{name}" for name in tree}


@pytest.mark.parametrize("kind", ["wheel", "checkout", "folder of links"])
def test_all_parts_come_from_the_same_place_on_the_path(kind: str, source: Path, wheel: Path, tmp_path: Path) -> None:
    """Whether installed or on PYTHONPATH, and whatever hyle is installed besides."""
    place = {"wheel": wheel, "checkout": source}.get(kind, tmp_path / "links")
    if kind == "folder of links":
        (place / "hyle").mkdir(parents=True)
        for path in [*(source / "hyle").iterdir(), *(source / top for top in TOPS)]:
            (place / "hyle" / path.name).symlink_to(path)
    script = "import hyle, hyle.cli, hyle.zoo; print(*(m.__file__ for m in (hyle, hyle.cli, hyle.zoo)), sep='\\n')"
    script += "; import importlib.util; print(importlib.util.find_spec('hyle.engine').origin)"
    variables = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert [Path(line).is_relative_to(place) for line in done.stdout.splitlines()] == [True] * 4
