"""Isolated environments, for models whose libraries are not here or disagree with others: built once, and kept."""

from __future__ import annotations

import hashlib
import importlib.metadata
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

from .._cache import cache_dir, locked
from .._errors import InputError, OperationError
from ..cards import ModelCard

# A range may take a build with gigabytes of CUDA libraries.
TORCH = "torch==2.13.0"
# What `hyle.zoo` itself needs to run an adapter.
BASE = ("numpy", "packaging", "platformdirs", "safetensors")
VIEWS = {"atoms": "ase", "any": "ase"}
MARKER, LOG = "complete.json", "build.log"


@dataclass(frozen=True)
class Environment:
    """What is to be installed, and where that lies.

    Args:
        requirements: for pip, with what they depend on.
        no_deps: for pip, without.
        python: versions of Python that will do.
        torch: whether PyTorch goes first.
    """

    requirements: tuple[str, ...]
    no_deps: tuple[str, ...]
    python: str
    torch: bool

    @classmethod
    def of(cls, card: ModelCard) -> Environment:
        """Return the environment of a card; cards with the same block share one."""
        base = [*BASE, *([VIEWS[card.view]] if card.view in VIEWS else [])]
        return cls(tuple(sorted({*base, *card.requirements})), tuple(sorted(card.no_deps)), card.python, card.torch)

    @property
    def name(self) -> str:
        """The first 12 hex digits of the hash of all that is installed, and of the version of Python."""
        version = "{}.{}".format(*sys.version_info[:2])
        text = json.dumps([self.requirements, self.no_deps, self.python, self.torch and TORCH, version])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return cache_dir() / "envs" / self.name

    @property
    def executable(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def complete(self) -> bool:
        """Whether it was built to the end: what was interrupted has no marker."""
        return (self.folder / MARKER).is_file()

    def versions(self) -> Mapping[str, str]:
        """Return what is installed, by normalised name; nothing where it is not complete."""
        return _marker(self.folder).get("versions", {}) if self.complete else {}

    def commands(self) -> list[list[str]]:
        """Return the commands that build it, which follow the user's own settings of pip."""
        pip = [str(self.executable), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"]
        steps = [[_interpreter(self.python), "-m", "venv", "--clear", str(self.folder)]]
        steps += [[*pip, TORCH]] if self.torch else []
        steps += [[*pip, *self.requirements]]
        return steps + ([[*pip, "--no-deps", *self.no_deps]] if self.no_deps else [])

    def build(self, *, notify: Callable[[str], None] | None = None) -> Path:
        """Build it where it is not complete, and return its Python.

        Another process that builds the same one is waited for; what an interruption left is built anew.

        Args:
            notify: called with one line before anything is installed, or on a wait.

        Raises:
            RuntimeError: a step failed; names it, the reason and the log.
            ValueError: no Python of the right version is here.
        """
        say = notify or (lambda line: None)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = self.folder.with_name(f".{self.name}.lock")
        with locked(lock, lambda: say(f"waiting for another process that builds the environment {self.name}")):
            if not self.complete:
                wanted = [*([TORCH] if self.torch else []), *self.requirements, *self.no_deps]
                say(f"building an environment of its own in {self.folder}: {', '.join(wanted)}")
                self._build()
        return self.executable

    def _build(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        log = self.folder.with_name(f"{self.name}.log")
        # Neither the packages nor the settings of the Python that runs this.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        with log.open("w") as stream:
            for command in self.commands():
                stream.write(f"$ {' '.join(command)}\n")
                stream.flush()
                done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=variables, check=False)
                if done.returncode:
                    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
                    reasons = [line for line in lines if line.startswith("ERROR:")] or lines
                    shutil.rmtree(self.folder, ignore_errors=True)
                    raise OperationError(
                        f"the environment for {', '.join(self.requirements + self.no_deps)} could not be built: "
                        f"{reasons[-1].removeprefix('ERROR:').strip()}; the log is {log}"
                    )
        shutil.move(log, self.folder / LOG)
        about = {
            "requirements": self.requirements,
            "no_deps": self.no_deps,
            "torch": self.torch,
            "versions": _installed(self.executable),
        }
        part = self.folder / f"{MARKER}.part"
        part.write_text(json.dumps(about, indent=1))
        part.replace(self.folder / MARKER)


def list_environments() -> list[dict[str, Any]]:
    """Return name, folder, whether it is complete, bytes and requirements of every environment that is kept."""
    found = []
    for folder in sorted(path for path in (cache_dir() / "envs").glob("*") if path.is_dir()):
        about = _marker(folder) if (folder / MARKER).is_file() else {}
        used = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        wanted = [*about.get("requirements", ()), *about.get("no_deps", ())]
        found.append(
            {"name": folder.name, "folder": folder, "complete": bool(about), "bytes": used, "requirements": wanted}
        )
    return found


def remove_environment(name: str) -> Path:
    """Delete one environment, complete or not; return the folder that is gone.

    Raises:
        ValueError: there is none of that name, or a process is building it.
    """
    folder = cache_dir() / "envs" / name
    if name not in [one["name"] for one in list_environments()]:
        raise InputError(f"no environment is called {name!r}; `hyle envs list` has them all")

    def busy() -> None:
        raise InputError(f"a process is building the environment {name}: remove it when that has ended")

    with locked(folder.with_name(f".{name}.lock"), busy):
        (folder / MARKER).unlink(missing_ok=True)  # first: half an environment must not look whole
        shutil.rmtree(folder)
    return folder


def _marker(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MARKER).read_text())


def _interpreter(python: str) -> str:
    """Return a Python of one of the versions, this one if it will do."""
    wanted = SpecifierSet(python)
    if ".".join(map(str, sys.version_info[:3])) in wanted:
        return sys.executable
    for minor in range(20, 7, -1):
        other = shutil.which(f"python3.{minor}")
        if other and any(f"3.{minor}.{patch}" in wanted for patch in range(30)):
            return other
    raise InputError(f"no Python {python} is here; install one so that it is on the path, as python3.X")


def _installed(executable: Path) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    return json.loads(subprocess.run([executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def versions_of(card: ModelCard, names: Sequence[str]) -> dict[str, str]:
    """Return versions of packages where a model runs: here, or in its environment; ``absent`` where one is not."""
    if card.missing():
        there = Environment.of(card).versions()
        return {name: there.get(name.lower().replace("_", "-"), "absent") for name in names}
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def describe(commands: Sequence[Sequence[str]]) -> str:
    """Return commands as shell lines."""
    import shlex

    return "\n".join(shlex.join(command) for command in commands)
