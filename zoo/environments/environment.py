"""Isolated environments for models whose libraries are not installed here or conflict with others.

They are built once and kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from ..base import (
    CACHE_REMEDY,
    InputError,
    OperationError,
    cache_dir,
    did_you_mean,
    installed_version,
    locked,
    output_errors,
    replace_atomically,
)
from ..cards import ModelCard

# Exact, because a range may resolve to a build with gigabytes of CUDA libraries.
TORCH = "torch==2.13.0"
# The packages that `hyle.zoo` itself needs to run an adapter.
BASE = ("numpy", "packaging", "platformdirs", "safetensors")
VIEWS = {"atoms": "ase", "any": "ase"}
MARKER, LOG = "complete.json", "build.log"


@dataclass(frozen=True)
class Environment:
    """The packages of an isolated environment, and its location.

    Args:
        requirements: pip requirements to install with their dependencies.
        no_deps: pip requirements to install without their dependencies.
        python: supported versions of Python.
        torch: whether to install PyTorch, before the others.
    """

    requirements: tuple[str, ...]
    no_deps: tuple[str, ...]
    python: str
    torch: bool

    @classmethod
    def of(cls, card: ModelCard) -> Environment:
        """Return the environment of a card; cards with the same requirements share one."""
        base = [*BASE, *([VIEWS[card.view]] if card.view in VIEWS else [])]
        return cls(tuple(sorted({*base, *card.requirements})), tuple(sorted(card.no_deps)), card.python, card.torch)

    @property
    def name(self) -> str:
        """The first 12 hex digits of the SHA-256 of all requirements and of the version of Python."""
        version = "{}.{}".format(*sys.version_info[:2])
        text = json.dumps([self.requirements, self.no_deps, self.python, self.torch and TORCH, version])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Its folder."""
        return cache_dir() / "envs" / self.name

    @property
    def executable(self) -> Path:
        """Its Python executable."""
        return self.folder / "bin" / "python"

    @property
    def complete(self) -> bool:
        """Whether its build was completed: an interrupted build has no marker file."""
        return (self.folder / MARKER).is_file()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of installed packages, by normalised name; empty if it is not complete."""
        return _marker(self.folder).get("versions", {}) if self.complete else {}

    def commands(self) -> list[list[str]]:
        """Return the commands that build it; pip uses the settings of the user."""
        pip = [str(self.executable), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"]
        steps = [[_interpreter(self.python), "-m", "venv", "--clear", str(self.folder)]]
        steps += [[*pip, TORCH]] if self.torch else []
        steps += [[*pip, *self.requirements]]
        return steps + ([[*pip, "--no-deps", *self.no_deps]] if self.no_deps else [])

    def build(self, *, notify: Callable[[str], None] | None = None) -> Path:
        """Build the environment if it is not complete, and return its Python executable.

        If another process is building the same environment, wait for it. An interrupted build is started again.

        Args:
            notify: called with one line before anything is installed, or before a wait.

        Raises:
            RuntimeError: a step failed; gives the requirements, the reason and the path of the log.
            ValueError: no suitable version of Python is installed.
            OutputError: the cache folder cannot be written.
        """
        report = notify or (lambda line: None)
        lock = self.folder.with_name(f".{self.name}.lock")
        with (
            output_errors(self.folder, CACHE_REMEDY),
            locked(lock, lambda: report(f"waiting for another process that is building the environment {self.name}")),
        ):
            if not self.complete:
                packages = [*([TORCH] if self.torch else []), *self.requirements, *self.no_deps]
                report(f"building an isolated environment in {self.folder}: {', '.join(packages)}")
                self._build()
        return self.executable

    def _build(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        log = self.folder.with_name(f"{self.name}.log")
        # Without PYTHONPATH and the like, which would add packages and settings of the current Python.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        with log.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            for command in self.commands():
                stream.write(f"$ {' '.join(command)}\n")
                stream.flush()
                completed = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=variables, check=False)
                if completed.returncode:
                    text = log.read_text("utf-8", errors="replace")
                    lines = [line.strip() for line in text.splitlines() if line.strip()]
                    reasons = [line for line in lines if line.startswith("ERROR:")] or lines
                    shutil.rmtree(self.folder, ignore_errors=True)
                    raise OperationError(
                        f"the environment for {', '.join(self.requirements + self.no_deps)} could not be built: "
                        f"{reasons[-1].removeprefix('ERROR:').strip()}; the log is {log}"
                    )
        shutil.move(log, self.folder / LOG)
        description = {
            "requirements": self.requirements,
            "no_deps": self.no_deps,
            "torch": self.torch,
            "versions": _installed(self.executable),
        }
        with replace_atomically(self.folder / MARKER) as temporary:
            temporary.write_text(json.dumps(description, indent=1), "utf-8")


def list_environments() -> list[dict[str, Any]]:
    """Return the name, folder, completeness, size in bytes and requirements of every environment in the cache."""
    environments = []
    for folder in sorted(path for path in (cache_dir() / "envs").glob("*") if path.is_dir()):
        description = _marker(folder) if (folder / MARKER).is_file() else {}
        environments.append(
            {
                "name": folder.name,
                "folder": folder,
                "complete": bool(description),
                "bytes": sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()),
                "requirements": [*description.get("requirements", ()), *description.get("no_deps", ())],
            }
        )
    return environments


def remove_environment(name: str) -> Path:
    """Delete one environment, complete or not, and return the folder that was deleted.

    Raises:
        ValueError: no environment has this name, or a process is building it.
        OutputError: a file of it cannot be deleted.
    """
    folder = cache_dir() / "envs" / name
    names = [environment["name"] for environment in list_environments()]
    if name not in names:
        raise InputError(
            f"no environment is called {name!r}{did_you_mean(name, names)} `hyle envs list` lists them all"
        )

    def busy() -> None:
        raise InputError(f"a process is building the environment {name}: remove it after that process has ended")

    with output_errors(folder), locked(folder.with_name(f".{name}.lock"), busy):
        # The marker first, so that a partly deleted environment does not look complete.
        (folder / MARKER).unlink(missing_ok=True)
        shutil.rmtree(folder)
    return folder


def _marker(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MARKER).read_text("utf-8"))


def _interpreter(python: str) -> str:
    """Return a Python executable of a supported version, the current one if possible."""
    supported = SpecifierSet(python)
    if ".".join(map(str, sys.version_info[:3])) in supported:
        return sys.executable
    for minor in range(20, 7, -1):
        other = shutil.which(f"python3.{minor}")
        if other and any(f"3.{minor}.{patch}" in supported for patch in range(30)):
            return other
    raise InputError(f"no Python {python} was found; install one that is on the PATH as python3.X")


def _installed(executable: Path) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    return json.loads(subprocess.run([executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def versions_of(card: ModelCard, names: Sequence[str]) -> dict[str, str]:
    """Return versions of packages in the environment in which a model runs; ``absent`` if not installed."""
    if card.missing():
        installed = Environment.of(card).versions()
        return {name: installed.get(name.lower().replace("_", "-"), "absent") for name in names}
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    return installed_version(name) or "absent"


def describe(commands: Sequence[Sequence[str]]) -> str:
    """Return commands as lines of shell."""
    import shlex

    return "\n".join(shlex.join(command) for command in commands)
