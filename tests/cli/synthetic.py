"""A synthetic Comparison with the structure that the engine passes to the figures, tables and the report."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

# name, modality, family, parameters, width, pooling, intrinsic dimension, position in a common space
_MODELS: list[tuple[str, str, str, int, int, str, float, list[float]]] = [
    ("rxnmapper", "string", "transformer", 770_000, 256, "mean", 7.9, [0.9, 0.1, 0.5, 0.2]),
    ("rxnfp", "string", "transformer", 26_000_000, 256, "cls", 9.4, [0.8, 0.0, 0.6, 0.3]),
    ("chemnet", "string", "LSTM", 9_900_000, 512, "last", 10.2, [0.7, 0.1, 0.3, 0.6]),
    ("minimol", "graph", "GNN", 10_000_000, 512, "sum", 8.8, [0.7, 0.3, 0.2, 0.5]),
    ("admet-ai-cls", "graph", "D-MPNN", 1_100_000, 300, "mean", 11.3, [0.6, 0.2, 0.1, 0.7]),
    ("chgnet-0.3.0", "atoms", "CHGNet", 412_525, 64, "mean", 5.2, [0.8, 0.9, 0.1, 0.0]),
    ("sevennet-0", "atoms", "SevenNet", 842_440, 128, "mean", 5.9, [0.8, 1.0, 0.1, 0.1]),
    ("aimnet2", "atoms", "AIMNet2", 2_100_000, 256, "mean", 6.4, [0.9, 0.7, 0.2, 0.1]),
    ("minilm", "text", "transformer", 22_700_000, 384, "mean", 14.1, [0.3, 0.0, 0.8, 0.4]),
    ("composition", "control", "element counts", 0, 5, "sum", 2.6, [0.9, 0.6, 0.2, 0.1]),
    ("morgan", "control", "fingerprint", 0, 2048, "none", 17.8, [0.4, 0.1, 0.2, 0.9]),
    ("random", "control", "noise", 0, 256, "none", 58.3, [0.0, 0.0, 0.0, 0.0]),
]
_PAIRS: dict[str, tuple[str, str, int | None, float, float, str]] = {
    "cka": (
        "debiased linear CKA",
        "debiased HSIC (Song 2012)",
        None,
        0.0,
        0.92,
        "Kornblith 2019, arXiv 1905.00414",
    ),
    "cka_rbf": ("debiased RBF CKA", "debiased HSIC", None, 0.0, 0.85, "Kornblith 2019, arXiv 1905.00414"),
    "mutual_knn": ("mutual k-NN", "fraction shared", 10, 10 / 499, 0.62, "Huh 2024, arXiv 2405.07987"),
    "cknna": ("CKNNA", "unbiased", 10, 0.9 * 10 / 499, 0.55, "Huh 2024, arXiv 2405.07987"),
}


def build(
    models: list[str] | None = None,
    metrics: list[str] | None = None,
    *,
    modality: bool = True,
    energies: bool = True,
) -> xr.Dataset:
    """Return a Comparison of the named models and metrics (all of them by default)."""
    rows = [row for row in _MODELS if models is None or row[0] in models]
    names, m = [row[0] for row in rows], len(rows)
    shape, rng = (len(_MODELS), len(_MODELS)), np.random.default_rng(0)
    place = np.array([row[-1] for row in rows])
    norm = np.linalg.norm(place, axis=1, keepdims=True)
    likeness = (place / np.where(norm == 0, 1, norm)) @ (place / np.where(norm == 0, 1, norm)).T
    data: dict[str, Any] = {}
    for metric in metrics or list(_PAIRS):
        label, estimator, k, chance, top, citation = _PAIRS[metric]
        noise = rng.normal(0, 0.01, shape)[:m, :m] + rng.normal(0, 0.1, shape)[:m, :m] * likeness * (1 - likeness) * 2
        values = chance + (top - chance) * likeness**3 + (noise + noise.T) / 2
        np.fill_diagonal(values, 1.0)
        attrs = {
            "kind": "pair",
            "long_name": label,
            "estimator": estimator,
            "n": 500,
            "limits": "[-1, 1]" if k is None else "[0, 1]",
            "chance": "0" if k is None else f"k/(n-1) = {chance:.3f}",
            "higher_is_better": True,
            "citation": citation,
        }
        attrs |= {} if k is None else {"k": k, "neighbour_metric": "cosine"}
        data[metric] = (("model", "other"), np.clip(values, -0.05 if k is None else 0, 1), attrs)
        data[f"{metric}_chance"] = (("model", "other"), np.full((m, m), chance))
    single = {
        "kind": "single",
        "long_name": "intrinsic dimension (TwoNN)",
        "estimator": "TwoNN",
        "k": 2,
        "n": 500,
    }
    data["intrinsic_dimension"] = ("model", np.array([row[6] for row in rows]), single)
    data["intrinsic_dimension_n_used"] = ("model", [500 if row[0] != "composition" else 143 for row in rows])
    data["duplicates"] = ("model", [0 if row[0] != "composition" else 357 for row in rows])
    if energies:
        error = {"chgnet-0.3.0": 0.41, "sevennet-0": 0.22, "aimnet2": 0.06}
        data["energy_mae"] = ("model", [error.get(name, np.nan) for name in names])
    coords: dict[str, Any] = {"model": names, "other": names}
    if modality:
        coords["modality"] = ("model", [row[1] for row in rows])
    coords |= {
        "family": ("model", [row[2] for row in rows]),
        "parameters": ("model", [row[3] for row in rows]),
        "dim": ("model", [row[4] for row in rows]),
        "layer": ("model", ["last hidden"] * m),
        "pooling": ("model", [row[5] for row in rows]),
        "licence": ("model", ["MIT" if i % 3 else "Apache-2.0" for i in range(m)]),
        "training_data": (
            "model",
            ["MPtrj" if row[1] == "atoms" else "USPTO" if row[1] == "string" else "" for row in rows],
        ),
        "n_model": ("model", [500 - (i % 4) for i in range(m)]),
        "top_column_share": ("model", np.linspace(0.02, 0.91, m)),
    }
    recipe = {
        name: {"model": name, "weights_sha256": "c0ffee" * 8, "dtype": "float32", "view": "smiles"} for name in names
    }
    return xr.Dataset(
        data,
        coords,
        {
            "title": "Do small models of molecules share one picture?", "dataset": "QM9",
            "dataset_version": "qm9pack-1",
            "dataset_source": "qm9pack 1.0 on PyPI", "n": 500, "sample_hash": "5f2b9c1a7d",
            "dtype": "float32",
            "device": "cpu", "hyle_version": "0.1.0",
            "versions": json.dumps({"jax": "0.10.2", "numpy": "2.4.6"}),
            "recipe": json.dumps(recipe), "created": "2026-11-21T12:00:00Z", "domain": "molecules",
        },
    )  # fmt: skip
