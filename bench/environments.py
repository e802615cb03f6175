"""The environments of the peers: built once under bench/.envs, with a record of the packages that did not install."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from .peers import Package

FOLDER = Path(__file__).parent / ".envs"
# torch is installed first and by its exact version: a range may select a build with gigabytes of CUDA libraries.
FIRST = {"peers": ("torch==2.13.0", "numpy==2.4.6")}
MARKER = "packages.json"


def _pip(folder: Path, *arguments: str) -> str:
    """Install requirements; return the reason if this fails, otherwise an empty string."""
    command = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*command, "--progress-bar", "off", *arguments], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # The first error names the cause, and a later line the package that failed to build.
    causes = [line for line in lines if "Error" in line or line.startswith("ERROR")]
    wheels = [line for line in lines if "Failed building wheel" in line]
    reason = "; ".join(dict.fromkeys([*wheels[:1], *causes[:1]])) or (lines or ["pip failed without a message"])[-1]
    return reason.replace("ERROR: ", "")[:300]


def _signature(name: str) -> list[object]:
    return [list(FIRST.get(name, ())), list(sys.version_info[:2])]


def build(packages: Iterable[Package], say: Callable[[str], None]) -> dict[str, str]:
    """Build every environment that the packages name; return package -> reason for those that did not install."""
    by_environment: dict[str, dict[str, Package]] = {}
    for package in sorted(packages, key=lambda package: package.name):
        if package.environment != "hyle":
            by_environment.setdefault(package.environment, {})[package.name] = package
    failed: dict[str, str] = {}
    for name, members in sorted(by_environment.items()):
        failed |= _build_one(name, list(members.values()), say)
    return failed


def _build_one(name: str, packages: list[Package], say: Callable[[str], None]) -> dict[str, str]:
    folder = FOLDER / name
    marker = folder / MARKER
    state: dict[str, dict[str, object]] = json.loads(marker.read_text()) if marker.exists() else {}
    if state.get("first", {}).get("signature") != _signature(name):
        shutil.rmtree(folder, ignore_errors=True)
        say(f"creating bench/.envs/{name}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        state = {"first": {"signature": _signature(name)}}
        (folder / "first.txt").write_text("\n".join(FIRST.get(name, ())))
        if FIRST.get(name) and (reason := _pip(folder, *FIRST[name])):
            shutil.rmtree(folder)
            return {package.name: reason for package in packages}
    failed = {}
    for package in packages:
        requirements = [package.version, *package.pip, *package.extra]
        if state.get(package.name, {}).get("wanted") != requirements:
            say(f"installing {package.name} {package.version}")
            # Packages are installed one by one, so that a failure does not affect the others; the constraints keep
            # them from replacing what was installed first.
            pins = ["-c", str(folder / "first.txt")]
            reason = _pip(folder, *pins, *package.pip, f"{package.name}=={package.version}", *package.extra)
            state[package.name] = {"wanted": requirements, "failed": reason}
            marker.write_text(json.dumps(state, indent=1))
        if state[package.name]["failed"]:
            failed[package.name] = f"does not install: {state[package.name]['failed']}"
    return failed


def python(name: str) -> str:
    """Return the path of the Python of an environment."""
    return sys.executable if name == "hyle" else str(FOLDER / name / "bin" / "python")


def versions(name: str) -> dict[str, str]:
    """Return package -> version of what is installed in an environment."""
    if not Path(python(name)).exists():
        return {}
    command = [python(name), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    return {package["name"]: package["version"] for package in json.loads(done.stdout or "[]")}
