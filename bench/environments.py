"""The environments of the peers: made once under bench/.envs, with what would not install written down."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from .peers import Package

FOLDER = Path(__file__).parent / ".envs"
# torch first and by its exact version: a range may take a build with gigabytes of CUDA libraries.
FIRST = {"peers": ("torch==2.13.0", "numpy==2.4.6")}
MARKER = "packages.json"


def _pip(folder: Path, *arguments: str) -> str:
    """Install; return the reason where it fails, else nothing."""
    command = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*command, "--progress-bar", "off", *arguments], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # The first error names the cause, a later line the package in which it lies.
    causes = [line for line in lines if "Error" in line or line.startswith("ERROR")]
    built = [line for line in lines if "Failed building wheel" in line]
    reason = "; ".join(dict.fromkeys([*built[:1], *causes[:1]])) or (lines or ["pip failed without a word"])[-1]
    return reason.replace("ERROR: ", "")[:300]


def _signature(name: str) -> list[object]:
    return [list(FIRST.get(name, ())), list(sys.version_info[:2])]


def build(packages: Iterable[Package], say: Callable[[str], None]) -> dict[str, str]:
    """Make every environment that the packages name; return what would not install, by package, with the reason."""
    by_environment: dict[str, dict[str, Package]] = {}
    for package in sorted(packages, key=lambda package: package.name):
        if package.environment != "hyle":
            by_environment.setdefault(package.environment, {})[package.name] = package
    failed: dict[str, str] = {}
    for name, found in sorted(by_environment.items()):
        failed |= _build_one(name, list(found.values()), say)
    return failed


def _build_one(name: str, packages: list[Package], say: Callable[[str], None]) -> dict[str, str]:
    folder = FOLDER / name
    marker = folder / MARKER
    known: dict[str, dict[str, object]] = json.loads(marker.read_text()) if marker.exists() else {}
    if known.get("first", {}).get("signature") != _signature(name):
        shutil.rmtree(folder, ignore_errors=True)
        say(f"making bench/.envs/{name}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        known = {"first": {"signature": _signature(name)}}
        (folder / "first.txt").write_text("\n".join(FIRST.get(name, ())))
        if FIRST.get(name) and (reason := _pip(folder, *FIRST[name])):
            shutil.rmtree(folder)
            return {package.name: reason for package in packages}
    failed = {}
    for package in packages:
        wanted = [package.version, *package.pip, *package.extra]
        if known.get(package.name, {}).get("wanted") != wanted:
            say(f"installing {package.name} {package.version}")
            # One by one, so that one that fails does not take the others with it, and none moves what came first.
            pins = ["-c", str(folder / "first.txt")]
            reason = _pip(folder, *pins, *package.pip, f"{package.name}=={package.version}", *package.extra)
            known[package.name] = {"wanted": wanted, "failed": reason}
            marker.write_text(json.dumps(known, indent=1))
        if known[package.name]["failed"]:
            failed[package.name] = f"does not install: {known[package.name]['failed']}"
    return failed


def python(name: str) -> str:
    """Return the Python of an environment."""
    return sys.executable if name == "hyle" else str(FOLDER / name / "bin" / "python")


def versions(name: str) -> dict[str, str]:
    """Return what is installed in an environment."""
    if not Path(python(name)).exists():
        return {}
    listed = [python(name), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    done = subprocess.run(listed, capture_output=True, text=True)
    return {found["name"]: found["version"] for found in json.loads(done.stdout or "[]")}
