"""Benchmark cards with planted numbers, on the panels that are part of hyle."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from hyle.zoo import ReferencePanel, find_benchmark, list_benchmarks, list_models, load_panel

QUADRANTS = ("foundational", "local optimum", "missing information", "sub-optimal")


def estimate(value: float, se: float = 0.03) -> dict[str, float]:
    return {"value": value, "se": se, "low": value - 1.96 * se, "high": min(1.0, value + 1.96 * se)}


def pair(model: str, value: float) -> dict[str, Any]:
    return {"model": model, **estimate(value), "score": value, "p": 0.01}


def make_card(model: str, domain: str, *, value: float | None = None, se: float = 0.03) -> dict[str, Any]:
    """A card of a model of the zoo, or of another name, with numbers drawn from the name."""
    seed = int.from_bytes(hashlib.sha256(f"{model} {domain}".encode()).digest()[:8], "big")
    generator = np.random.default_rng(seed)
    known = {one.name: one for one in list_models()}.get(model)
    roles = {bench.role: bench.name for bench in list_benchmarks() if bench.domain == domain and bench.name != "exotic"}
    sets = {role: _one_set(load_panel(name), model, generator, value, se) for role, name in roles.items()}
    shares = generator.dirichlet([0.4] * 4)
    likeliest = int(np.argmax(shares))
    return {
        "schema": "hyle-benchmark-card/1",
        "hyle_version": "0.1.0",
        "model": model,
        "family": known.family if known else "",
        "modality": known.modality if known else "",
        "parameters": known.parameters if known else 0,
        "licence": known.licence if known else "",
        "citation": known.citation if known else "",
        "trained_on": list(known.trained_on) if known else [],
        "trained_on_it": [],
        "domain": domain,
        "metric": "cknna",
        "embedding_sha256": {role: hashlib.sha256(f"{model} {role}".encode()).hexdigest() for role in sets},
        "recipe": {role: {"model": model, "layer": "last", "pooling": "mean"} for role in sets},
        "dropped": {role: {} for role in sets},
        "sets": sets,
        "ood_missing_reason": "",
        "generality": None,
        "diagnosis": {
            "quadrant": QUADRANTS[likeliest] if shares[likeliest] >= 0.8 else None,
            "probability": dict(zip(QUADRANTS, map(float, shares), strict=True)),
            "median": [0.5, 0.35],
            "models": 9,
            "families": 7,
            "calibration": {"stated": 0.9, "observed": 0.88},
            "words": "planted",
        },
    }


def _one_set(
    panel: ReferencePanel, model: str, generator: np.random.Generator, value: float | None, se: float
) -> dict[str, Any]:
    members = [member for member in panel.members if member.modality != "control"]
    family = next((member.family for member in members if member.name == model), "")
    others = [member for member in members if member.family != family]
    centre = float(generator.uniform(0.1, 0.6))
    aligned = sorted(
        (pair(member.name, float(np.clip(generator.normal(centre, 0.1), -0.1, 0.95))) for member in others),
        key=lambda one: -one["value"],
    )
    metrics = {"cknna": centre, "cka": centre + 0.1, "mutual_knn": centre - 0.05, "information_imbalance": centre}
    probed = find_benchmark(panel.name).role == "in"
    return {
        "dataset": panel.name,
        "version": panel.version,
        "n": len(panel.ids),
        "k": 25,
        "performance": {
            "kind": "probe",
            "label": "gap beyond composition",
            "units": "",
            "value": float(generator.uniform(0.2, 0.9)) if value is None else value,
            "se": se,
            "n": len(panel.ids),
            "rank": 1,
            "of": len(members),
            "panel_median": 0.5,
            "control": "composition",
            "control_value": 0.15,
        }
        if probed
        else None,
        "unranked_reason": "" if probed else "there is no label",
        "energy": None,
        "alignment": {
            name: {
                "panel": estimate(level) | {"p": 0.005, "control": "composition", "control_value": 0.1},
                "best": None,
            }
            for name, level in metrics.items()
        },
        "panel_median_alignment": 0.35,
        "best": aligned[0]["model"],
        "dimension": {
            "MLE": {"value": 6.1, "se": 0.4, "low": 5.3, "high": 6.9, "panel_median": 6.0},
            "TwoNN": {"value": 7.2, "se": 0.9, "low": 5.4, "high": 9.0, "panel_median": 7.0},
        },
        "relatives": aligned[:5],
        "own_family": [pair(m.name, 0.8) for m in members if m.family == family and m.name != model],
        "controls": [pair(m.name, 0.12) for m in panel.members if m.modality == "control"],
        "copies": [],
        "made_of": [],
        "panel": {
            "sha256": panel.sha256,
            "hyle_version": panel.hyle_version,
            "date": "2026-11-28",
            "versions": {"chgnet": "0.4.2"},
            "n_models": len(members),
            "n_families": len({member.family for member in members}),
            "controls": {"composition": {"performance": 0.0, "alignment": estimate(0.0)}},
            "models": {
                member.name: {
                    "family": member.family,
                    "modality": member.modality,
                    "performance": member.scores["probe"].value if "probe" in member.scores else None,
                    "performance_se": 0.03,
                    "alignment": estimate(float(generator.uniform(0.1, 0.5))),
                }
                for member in others
            },
        },
    }


def write_card(card: dict[str, Any], folder: Path, name: str = "") -> Path:
    path = folder / f"{name or card['model'] + '-' + card['domain']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")
    return path


def changed(card: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value replaced, such as ``sets.in.n``; `...` deletes it."""
    card = copy.deepcopy(card)
    *parents, last = key.split(".")
    node = card
    for parent in parents:
        node = node[parent]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return card
