"""A results file: every measurement of a run, with the machine and the versions; and what is read out of it."""

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
# Cores that other processes had on average, from which a time is an upper bound.
BUSY_LOAD = 0.5


def machine() -> dict[str, Any]:
    """Return what the times depend on."""
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
    """What a run found.

    Args:
        machine: as `machine` returns it.
        versions: environment -> package -> version.
        cases: every `Case` as a dict.
        measurements: one dict per peer and case: what was measured, or ``skipped`` with the reason.
    """

    machine: dict[str, Any]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write one measurement per line, whole or not at all."""
        head = json.dumps({"machine": self.machine, "versions": self.versions, "cases": self.cases}, indent=1)
        lines = ",\n".join(json.dumps(_rounded(one)) for one in self.measurements)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(head[:-2] + ',\n "measurements": [\n' + lines + "\n]\n}\n")
        partial.replace(path)

    def done(self, case: str) -> list[dict[str, Any]]:
        """Return what was measured on a case."""
        return [one for one in self.measurements if one["case"] == case and "skipped" not in one]

    def find(self, case: str, tool: str, metric: str) -> dict[str, Any] | None:
        """Return one measurement, None where it was skipped or not asked for."""
        rows = [one for one in self.done(case) if (one["tool"], one["metric"]) == (tool, metric)]
        return rows[0] if rows else None

    def peers(self, case: str, metric: str) -> list[dict[str, Any]]:
        """Return the peers' measurements of a metric, fastest first; the definitions are no peer."""
        rows = [r for r in self.done(case) if r["metric"] == metric and r["tool"] not in (ENGINE, DEFINITION)]
        return sorted(rows, key=lambda row: row["seconds"])

    def named(self, kind: str, *, far: bool = False, extra: bool = False) -> list[dict[str, Any]]:
        """Return the cases of a kind, GPU ones left out."""
        wanted = [c for c in self.cases if c["kind"] == kind and c["far"] == far and c["extra"] == extra]
        return [case for case in wanted if case["device"] == "cpu"]

    @property
    def gpu(self) -> list[dict[str, Any]]:
        return [case for case in self.cases if case["device"] == "gpu"]

    def skipped(self) -> list[dict[str, Any]]:
        return [one for one in self.measurements if "skipped" in one]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}") if np.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def load(path: Path) -> Results:
    """Read a results file.

    Raises:
        ValueError: the file holds no results.
    """
    try:
        return Results(**json.loads(path.read_text()))
    except (OSError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no results: make them with `make bench` ({error})") from error


def relative_error(value: Any, truth: Any) -> float | None:
    """Return the largest relative error of one value or of one each way; None where one is missing."""
    if value is None or truth is None:
        return None
    value, truth = np.atleast_1d(np.array(value, float)), np.atleast_1d(np.array(truth, float))
    return float(np.max(np.abs(value - truth) / np.abs(truth))) if value.shape == truth.shape else None


def exponent(points: Iterable[tuple[float, float]]) -> float | None:
    """Return the slope of log seconds over log n; None for fewer than two points."""
    found = [(n, seconds) for n, seconds in points if seconds > 0]
    if len({n for n, _ in found}) < 2:
        return None
    n, seconds = np.log(np.array(found)).T
    return float(np.polyfit(n, seconds, 1)[0])


def study_sum(results: Results, case: str, *, packages: bool = False) -> tuple[float, list[str], list[str]]:
    """Return the seconds of the fastest peer for each metric of the study, summed, who they are, and who is missing.

    Args:
        results: of a run.
        case: its name.
        packages: leave out what is written by hand in torch.
    """
    study = results.find(case, ENGINE, "study")
    total, named, missing = 0.0, [], []
    for metric in study["value"] if study else ():
        peers = results.peers(case, metric)
        if packages:
            peers = [row for row in peers if not row["tool"].startswith("torch, ")]
        if peers:
            total += peers[0]["seconds"]
            named.append(f"{peers[0]['tool']} ({metric})")
        else:
            missing.append(metric)
    return total, named, missing
