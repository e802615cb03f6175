"""`python -m bench.contested`: measure how often samples are found contested or agreed, on planted truth and on noise.

Panels are drawn anew for each set: models are noisy functions of a common latent, which all samples follow alike, or
which 5 % of the samples leave in some models, where their rows are those of another sample. In panels of noise, models
have nothing in common. In panels of atoms, the latent is a sum of effects of the element, the structure and the atom,
each model has effects of the structures of its own, and neighbours are atoms of other structures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .node_null import ELEMENTS, atoms
from .results import FOLDER, machine
from .text import rows_of

if TYPE_CHECKING:
    from hyle.engine.analysis import Form

LATENT, WIDTH, ALPHA = 4, 12, 0.05
CLUSTERS = 12


@dataclass(frozen=True)
class Panel:
    """A kind of panel.

    Args:
        name: in the table.
        latent: distribution of the common latent: ``normal``, ``clusters`` of different width, ``heavy`` tails (t with
            4 degrees of freedom), or ``none`` for models that have nothing in common.
        contested: share of samples that leave the latent.
        private: share of the families that a contested sample leaves it in.
        families: number of families.
        siblings: number of models of every second family.
        noise: standard deviation of the noise of a model; its signal has 1.
        form: of the agreement.
        atoms: mean number of atoms of a structure, of which each has a random number of each element; 0 for samples.
        together: all atoms of a structure leave the latent, instead of single ones.
    """

    name: str
    latent: str = "normal"
    contested: float = 0.0
    private: float = 0.5
    families: int = 8
    siblings: int = 1
    noise: float = 0.5
    form: Form = "neighbours"
    atoms: int = 0
    together: bool = False


PANELS = (
    Panel("all alike", "normal"),
    Panel("all alike, clusters", "clusters"),
    Panel("all alike, heavy tails", "heavy"),
    Panel("all alike, siblings", "normal", families=6, siblings=3),
    Panel("all alike, 4 families", "normal", families=4),
    Panel("all alike", "normal", form="pnka"),
    Panel("all alike, heavy tails", "heavy", form="pnka"),
    Panel("all alike, heavy tails", "heavy", form="cka"),
    Panel("5 % leave half of the families", contested=0.05),
    Panel("5 % leave half of the families, clusters", "clusters", contested=0.05),
    Panel("5 % leave all families", contested=0.05, private=1.0),
    Panel("5 % leave half of 4 families", contested=0.05, families=4),
    Panel("5 % leave half of the families", contested=0.05, form="pnka"),
    Panel("5 % leave half of the families", contested=0.05, form="cka"),
    Panel("noise", "none"),
    Panel("noise, siblings", "none", families=6, siblings=3),
    Panel("noise", "none", form="pnka"),
    Panel("atoms, 9 of a structure, all alike", atoms=9),
    Panel("atoms, 9 of a structure, all alike, structures of different spread", "clusters", atoms=9),
    Panel("atoms, 36 of a structure, all alike", atoms=36),
    Panel("atoms, 9 of a structure, all alike, 4 families", families=4, atoms=9),
    Panel("atoms, 9 of a structure, noise", "none", atoms=9),
    Panel("atoms, 5 % leave half of the families", contested=0.05, atoms=9),
    Panel("atoms, 5 % leave all families", contested=0.05, private=1.0, atoms=9),
    Panel("atoms, 5 % of the structures leave half of the families", contested=0.05, atoms=9, together=True),
    Panel("atoms, 5 % of the structures leave all families", contested=0.05, private=1.0, atoms=9, together=True),
)

# Sizes of the effects of the element, the structure and the atom on the latent of atoms, and of a model's own effect
# of the structure on its rows.
EFFECTS, OWN_EFFECT = (1.5, 1.0, 0.7), 0.3


@dataclass(frozen=True)
class Drawn:
    """One set of a panel.

    Args:
        models: float32 [n, 12] each.
        families: of the models.
        contested: bool [n], the samples that leave the latent in some models.
        structure: int [n] of atoms, else None.
    """

    models: list[np.ndarray]
    families: list[str]
    contested: np.ndarray
    structure: np.ndarray | None = None


def draw(panel: Panel, n: int, seed: int) -> Drawn:
    """Draw a set of about n samples of a panel."""
    generator = np.random.default_rng([seed, n, panel.families])
    if panel.atoms:
        return _atoms(panel, n, generator)
    shared = _latent(panel.latent, n, generator)
    contested = generator.random(n) < panel.contested
    rows = []
    for _ in range(panel.families):
        leave = contested & (generator.random(n) < panel.private)
        own = shared.copy()
        own[leave] = shared[generator.permutation(n)][leave]
        rows.append(generator.normal(size=shared.shape) if panel.latent == "none" else own)
    return Drawn(*_models(panel, rows, generator), contested)


def _atoms(panel: Panel, n: int, generator: np.random.Generator) -> Drawn:
    """Draw twice as many atoms as samples of other panels, of structures with all numbers of atoms around the mean."""
    least, most = (0, 2 * panel.atoms // ELEMENTS) if panel.atoms < 18 else (panel.atoms // 6, panel.atoms // 2)
    structure, element = atoms((least, most), 2 * n // panel.atoms, generator)
    n, structures = len(structure), int(structure.max()) + 1
    widths = np.exp(0.5 * generator.normal(size=structures)) if panel.latent == "clusters" else np.ones(structures)

    def latent() -> np.ndarray:
        of_element, of_structure, of_atom = (
            size * generator.normal(size=(count, LATENT))
            for size, count in zip(EFFECTS, (ELEMENTS, structures, n), strict=True)
        )
        return np.asarray(of_element[element] + of_structure[structure] + widths[structure, None] * of_atom)

    def some(share: float) -> np.ndarray:
        return generator.random(structures)[structure] < share if panel.together else generator.random(n) < share

    shared, contested, rows = latent(), some(panel.contested), []
    for _ in range(panel.families):
        leave = contested & some(panel.private)
        rows.append(latent() if panel.latent == "none" else np.where(leave[:, None], latent(), shared))
    models, families = _models(panel, rows, generator)
    of_models = [OWN_EFFECT * generator.normal(size=(structures, WIDTH))[structure] for _ in models]
    return Drawn(
        [(x + own).astype(np.float32) for x, own in zip(models, of_models, strict=True)], families, contested, structure
    )


def _models(
    panel: Panel, latents: list[np.ndarray], generator: np.random.Generator
) -> tuple[list[np.ndarray], list[str]]:
    """Return the models of all families, from the latent of each, and the names of their families."""
    models, families = [], []
    for family, latent in enumerate(latents):
        signal = latent @ generator.normal(size=(LATENT, WIDTH)) / LATENT**0.5
        signal = 1.5 * np.tanh(signal) if family % 2 else signal
        for _ in range(panel.siblings if family % 2 else 1):
            models.append((signal + panel.noise * generator.normal(size=signal.shape)).astype(np.float32))
            families.append(f"family {family}")
    return models, families


def _latent(kind: str, n: int, generator: np.random.Generator) -> np.ndarray:
    if kind == "heavy":
        return generator.standard_t(4, size=(n, LATENT))
    if kind == "clusters":
        centres, widths = 3 * generator.normal(size=(CLUSTERS, LATENT)), np.exp(0.5 * generator.normal(size=CLUSTERS))
        label = generator.choice(CLUSTERS, n, p=generator.dirichlet(np.full(CLUSTERS, 2.0)))
        return np.asarray(centres[label] + widths[label, None] * generator.normal(size=(n, LATENT)))
    return generator.normal(size=(n, LATENT))


def simulate(panel: Panel, n: int, sets: int) -> dict[str, Any]:
    """Return the rates of discoveries over sets of one kind of panel."""
    from hyle.engine.analysis import sample_agreement

    found: dict[str, list[float]] = {}
    for seed in range(sets):
        drawn = draw(panel, n, seed)
        contested, structure = drawn.contested, drawn.structure
        result = sample_agreement(
            drawn.models,
            families=drawn.families,
            form=panel.form,
            k=min(25, n // 4),
            covariates=None if structure is None else np.bincount(structure)[structure][:, None],
            neighbours_outside=structure,
            seed=seed,
        )
        low, high = result.q <= ALPHA, result.agreed_q <= ALPHA
        values = {
            "any": low.any(),
            "false": (low & ~contested).sum() / max(low.sum(), 1),
            "power": low[contested].mean() if contested.any() else np.nan,
            # Agreement of single atoms above chance is not tested: permutations would exchange them one by one.
            "agreed_any": high.any() if structure is None else np.nan,
            "agreed": high.mean() if structure is None else np.nan,
            "halves": result.reliability.halves,
        }
        for name, value in values.items():
            found.setdefault(name, []).append(float(value))
    means = {name: float(np.nanmean(values)) if np.isfinite(values).any() else None for name, values in found.items()}
    return {"panel": panel.name, "form": panel.form, **means}


def write_results(rows: list[Mapping[str, Any]], n: int, sets: int) -> None:
    """Write the table to bench/results."""
    info = machine()
    facts = {"n": n, "sets": sets, "alpha": ALPHA, "measurements": rows, "machine": info}
    (FOLDER / "contested.json").write_text(json.dumps(facts, indent=1) + "\n")
    head = ("panel", "agreement", "any contested", "false", "found", "any agreed", "agreed", "halves")
    keys = ("any", "false", "power", "agreed_any", "agreed", "halves")
    cells = [
        [row["panel"], row["form"], *("" if row[key] is None else f"{row[key]:.3f}" for key in keys)] for row in rows
    ]
    caption = (
        f"{sets} panels of {n} samples, or {2 * n} atoms, and 8 families if not said otherwise, at q <= {ALPHA}: the "
        "share of panels with any contested sample; the mean share of false ones among those found; the share of the "
        "contested samples that are found; the share of panels with any sample that agrees above chance, and the mean "
        "share of such samples; and the rank correlation of the deviations by halves of the families."
    )
    error = (ALPHA * (1 - ALPHA) / sets) ** 0.5
    limits = (
        f"Where all samples are alike, the share of panels with any contested sample has to be at most {ALPHA}, with "
        f"an error of {error:.3f} from so many panels; noise has to give as few samples that agree above chance. The "
        "halves correlate where all are alike too: agreement depends on the place of a sample, and the facts do not "
        "explain all of that. Where they leave much of it, as with clusters of different width, fewer contested "
        "samples stand out."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    text = ["# Contested samples", "", caption, "", *rows_of(head, cells), "", limits, "", source, ""]
    (FOLDER / "contested.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'contested.json'} and {FOLDER / 'contested.md'}")


def run(n: int, sets: int, report: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the rates of all kinds of panels, and report each."""
    rows = []
    for panel in PANELS:
        row = simulate(panel, n, sets)
        rows.append(row)
        numbers = ", ".join(f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float))
        report(f"{panel.name}, {panel.form}: {numbers}")
    return rows


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(40), default=300, help="Number of samples of each set.")
@click.option("--sets", type=click.IntRange(2), default=40, help="Number of sets.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(n: int, sets: int, write: bool) -> None:
    """Measure how often samples are found contested, and agreed, that are and that are not."""
    rows = run(n, sets, click.echo)
    if write:
        write_results(rows, n, sets)


if __name__ == "__main__":
    main()
