"""`python -m bench.shift_null`: error rates and power of the study's sections on changed crystals and on properties.

Models in the families of the plan see common samples with noise of the family and of the model. Without an effect the
noise after a change, or of samples with a large property, is another draw of the same size, or differs from family to
family in a random direction; with an effect it grows in all of them. Everything goes through the functions that `hyle
study` calls.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import numpy as np
import xarray as xr

from hyle.cli.study import StudyResult, StudySet
from hyle.cli.study.attributes import Attribute
from hyle.cli.study.attributes import measure as measure_attribute
from hyle.cli.study.perturbed import measure as measure_perturbed
from hyle.zoo import Dataset, Representation, Sample

from .results import FOLDER, machine
from .study_panels import plan_design
from .text import rows_of

SAMPLES, LATENT, WIDTH, NOISE = 150, 5, 12, 0.6
SET = "mptrj"
# The growth of the noise of all families, and the standard deviation of that of single ones.
EFFECTS: Mapping[str, tuple[float, float]] = {
    "none, another draw of the noise": (0.0, 0.0),
    "none on average, families differ": (0.0, 0.15),
    "noise grows by 15 %": (0.15, 0.05),
    "noise grows by 50 %": (0.5, 0.05),
}


def draw_rows(rng: np.random.Generator, latent: np.ndarray, noise: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
    """Return the rows [n, d] of models that see a latent [n, l] with noise, half of whose variance is the family's.

    Args:
        rng: of the noise.
        latent: common to all models.
        noise: [families, n], standard deviation.
        codes: [m], the family of each model.
    """
    shared = rng.normal(size=(codes.max() + 1, *latent.shape))
    own = rng.normal(size=(len(codes), *latent.shape))
    maps = np.random.default_rng(0).normal(size=(len(codes), LATENT, WIDTH))
    return [
        ((latent + noise[f][:, None] * (shared[f] + own[i]) / 2**0.5) @ maps[i]).astype(np.float32)
        for i, f in enumerate(codes)
    ]


def panel_of(rows: Sequence[np.ndarray], codes: np.ndarray, values: np.ndarray | None = None) -> StudyResult:
    """Return a set of the study with these models; ``values`` [n] are a label of the samples."""
    names = [f"m{i}" for i in range(len(rows))]
    ids = [str(i) for i in range(len(rows[0]))]
    representations = [Representation(name, x, ids, {"model": name}) for name, x in zip(names, rows, strict=True)]
    comparison = xr.Dataset(coords={"model": names})
    comparison["family"] = ("model", [f"f{code}" for code in codes])
    comparison["modality"] = ("model", ["atoms"] * len(names))
    labels = [{} if values is None else {"value": float(value)} for value in (ids if values is None else values)]
    samples = [Sample(i, labels=label) for i, label in zip(ids, labels, strict=True)]
    data = Dataset(SET, samples, "materials", "CC0-1.0", "simulated")
    return StudyResult(StudySet(SET, len(ids), "simulated", names), data, representations, comparison)


def changed(rng: np.random.Generator, codes: np.ndarray, mean: float, spread: float) -> tuple[float, float, float]:
    """Return the change of agreement after a change of all samples, with its interval."""
    latent, families = rng.normal(size=(SAMPLES, LATENT)), codes.max() + 1
    before = panel_of(draw_rows(rng, latent, np.full((families, SAMPLES), NOISE), codes), codes)
    factor = np.exp(np.log1p(mean) + spread * rng.normal(size=families))
    after = panel_of(draw_rows(rng, latent, np.repeat(NOISE * factor[:, None], SAMPLES, 1), codes), codes)
    found = measure_perturbed(before, "rattle", 0.1, after.representations)
    return found.change, found.low, found.high


def by_property(rng: np.random.Generator, codes: np.ndarray, mean: float, spread: float) -> tuple[float, float, float]:
    """Return the change of agreement from one quarter of the samples by a property to the next, with its interval."""
    latent, families = rng.normal(size=(SAMPLES, LATENT)), codes.max() + 1
    values = rng.permutation(SAMPLES).astype(float)
    growth = np.log1p(mean) + spread * rng.normal(size=families)
    noise = NOISE * np.exp(growth[:, None] * (values / SAMPLES - 0.5))
    panel = panel_of(draw_rows(rng, latent, noise, codes), codes, values)
    attribute = Attribute(SET, "", "value", "value", 4, lambda samples, _: [one.labels["value"] for one in samples])
    slope = measure_attribute(attribute, panel, panel).slope
    return slope.value, slope.low, slope.high


PROCEDURES: Mapping[str, Callable[..., tuple[float, float, float]]] = {
    "change of agreement, the same samples": changed,
    "change of agreement from quarter to quarter": by_property,
}


def run(draws: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the rates of both procedures with every effect, and report each."""
    codes, rows = plan_design(SET).codes, []
    for name, procedure in PROCEDURES.items():
        for effect, (mean, spread) in EFFECTS.items():
            found = np.array([procedure(np.random.default_rng(seed), codes, mean, spread) for seed in range(draws)])
            row = {
                "procedure": name,
                "effect": effect,
                "draws": draws,
                "lower": float((found[:, 2] < 0).mean()),
                "higher": float((found[:, 1] > 0).mean()),
                "mean": float(found[:, 0].mean()),
            }
            rows.append(row)
            report(f"{name}: {effect}: lower {row['lower']:.3f}, higher {row['higher']:.3f}, mean {row['mean']:.3f}")
    return rows


def table(rows: Sequence[Mapping[str, Any]], info: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    draws = rows[0]["draws"]
    head = ("procedure", "effect", "mean change", "found lower", "found higher")
    cells = [
        (row["procedure"], row["effect"], *(f"{row[key]:.3f}" for key in ("mean", "lower", "higher"))) for row in rows
    ]
    sizes = plan_design(SET).sizes
    lines = [
        "# Changed crystals and properties of samples",
        "",
        f"How often a 95 % interval of the study's page excludes 0, on {draws} simulated panels of {sum(sizes)} models "
        f"of {len(sizes)} families and {SAMPLES} samples; nominally 2.5 % on each side without an effect, with a "
        f"standard error of {100 * math.sqrt(0.025 * 0.975 / draws):.1f} %. Half of the variance of the noise of a "
        "model is that of its family.",
        "",
        *rows_of(head, cells),
        "",
        f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}.",
    ]
    return "\n".join(lines) + "\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--draws", type=click.IntRange(10), default=100, help="Number of panels.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(draws: int, write: bool) -> None:
    """Measure the error rates and the power of both sections by simulation."""
    rows, info = run(draws, click.echo), machine()
    text = table(rows, info)
    click.echo(text)
    if write:
        (FOLDER / "shift_null.json").write_text(json.dumps({"rows": rows, "machine": info}, indent=1) + "\n")
        (FOLDER / "shift_null.md").write_text(text)


if __name__ == "__main__":
    main()
