"""A results file: every measurement of a run, with the machine and the versions, and functions that read it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).parent / "results"
ENGINE, DEFINITION = "hyle", "definition"
# Average number of cores used by other processes above which a time is only an upper bound.
BUSY_LOAD = 0.5


def machine() -> dict[str, Any]:
    """Return the facts about this machine that times depend on."""
    model = platform.processor() or platform.machine()
    memory = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "engine") else ""),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "load": os.getloadavg()[0],
    }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


@dataclass
class Results:
    """The results of a run.

    Args:
        machine: the result of `machine`.
        versions: environment -> package -> version.
        cases: every `Case` as a dict.
        measurements: one dict per peer and case, with what was measured, or ``skipped`` with the reason.
    """

    machine: dict[str, Any]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the file atomically, one measurement per line."""
        head = json.dumps({"machine": self.machine, "versions": self.versions, "cases": self.cases}, indent=1)
        lines = ",\n".join(json.dumps(_rounded(row)) for row in self.measurements)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(head[:-2] + ',\n "measurements": [\n' + lines + "\n]\n}\n")
        partial.replace(path)

    def done(self, case: str) -> list[dict[str, Any]]:
        """Return the measurements of a case that were not skipped."""
        return [row for row in self.measurements if row["case"] == case and "skipped" not in row]

    def find(self, case: str, tool: str, metric: str) -> dict[str, Any] | None:
        """Return one measurement, or None if it was skipped or not requested."""
        rows = [row for row in self.done(case) if (row["tool"], row["metric"]) == (tool, metric)]
        return rows[0] if rows else None

    def peers(self, case: str, metric: str) -> list[dict[str, Any]]:
        """Return the measurements of the peers of a metric, fastest first; the float64 definitions are not peers."""
        rows = [r for r in self.done(case) if r["metric"] == metric and r["tool"] not in (ENGINE, DEFINITION)]
        return sorted(rows, key=lambda row: row["seconds"])

    def named(self, kind: str, *, far: bool = False, extra: bool = False) -> list[dict[str, Any]]:
        """Return the CPU cases of a kind."""
        cases = [c for c in self.cases if c["kind"] == kind and c["far"] == far and c["extra"] == extra]
        return [case for case in cases if case["device"] == "cpu"]

    @property
    def gpu(self) -> list[dict[str, Any]]:
        """The GPU cases."""
        return [case for case in self.cases if case["device"] == "gpu"]

    def skipped(self) -> list[dict[str, Any]]:
        """Return the measurements that were skipped."""
        return [row for row in self.measurements if "skipped" in row]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}") if np.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def load(path: Path) -> Results:
    """Read a results file.

    Raises:
        ValueError: the file contains no results.
    """
    try:
        return Results(**json.loads(path.read_text()))
    except (OSError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} contains no results: create them with `make bench` ({error})") from error


def relative_error(value: Any, truth: Any) -> float | None:
    """Return the largest relative error of a value or of its two directions; None if a value is missing."""
    if value is None or truth is None:
        return None
    value, truth = np.atleast_1d(np.array(value, float)), np.atleast_1d(np.array(truth, float))
    return float(np.max(np.abs(value - truth) / np.abs(truth))) if value.shape == truth.shape else None


def exponent(points: Iterable[tuple[float, float]]) -> float | None:
    """Fit the slope of log seconds over log n; return None for fewer than two points."""
    positive = [(n, seconds) for n, seconds in points if seconds > 0]
    if len({n for n, _ in positive}) < 2:
        return None
    n, seconds = np.log(np.array(positive)).T
    return float(np.polyfit(n, seconds, 1)[0])


def study_sum(results: Results, case: str, *, packages: bool = False) -> tuple[float, list[str], list[str]]:
    """Sum the seconds of the fastest peer of each metric of the study.

    Args:
        results: the results of a run.
        case: name of the case.
        packages: exclude the hand-written torch code.

    Returns:
        The sum, the fastest peers by name and metric, and the metrics that no peer has.
    """
    study = results.find(case, ENGINE, "study")
    total, fastest, missing = 0.0, [], []
    for metric in study["value"] if study else ():
        peers = results.peers(case, metric)
        if packages:
            peers = [row for row in peers if not row["tool"].startswith("torch, ")]
        if peers:
            total += peers[0]["seconds"]
            fastest.append(f"{peers[0]['tool']} ({metric})")
        else:
            missing.append(metric)
    return total, fastest, missing
