"""`python -m bench.consensus`: how often the number of shared coordinates is right, on planted panels of models."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from hyle.engine.analysis.families import family_codes
from hyle.engine.analysis.maxvar import space, votes_of
from hyle.engine.analysis.shared_rank import family_orders, shared_rank

from .results import FOLDER, machine
from .text import rows_of

RESULTS = FOLDER / "consensus.json"


@dataclass(frozen=True)
class Panel:
    """A panel of models: each has the shared coordinates, private ones of its family, and noise.

    Args:
        shared: number of shared coordinates.
        families: number of families.
        siblings: number of further members of the first family, which differ by noise alone.
        n: number of samples.
        width: number of columns of each model.
        private: number of private coordinates of each family.
        decay: of their standard deviations, i to the power of minus this.
        scale: standard deviation of the shared coordinates; that of the first private one is 1.
        noise: standard deviation of the noise of each column.
    """

    shared: int
    families: int = 4
    siblings: int = 0
    n: int = 150
    width: int = 20
    private: int = 6
    decay: float = 0.0
    scale: float = 1.0
    noise: float = 0.3

    def draw(self, seed: int) -> tuple[list[np.ndarray], list[str]]:
        """Draw the rows of the models [n, width] and their families."""
        rng = np.random.default_rng([seed, 7])
        shared = rng.normal(size=(self.n, self.shared)) * self.scale
        rows, names = [], []
        for family in range(self.families):
            private = rng.normal(size=(self.n, self.private)) * np.arange(1, self.private + 1) ** -self.decay
            for _ in range(1 + (self.siblings if family == 0 else 0)):
                mixing = rng.normal(size=(self.shared + self.private, self.width))
                noise = self.noise * rng.normal(size=(self.n, self.width))
                rows.append(np.hstack([shared, private]) @ mixing + noise)
                names.append(f"f{family}")
        return rows, names


PANELS = {
    "nothing shared": Panel(0),
    "nothing shared, two families": Panel(0, families=2),
    "nothing shared, wider than samples": Panel(0, n=80, width=200, private=60, decay=0.7),
    "nothing shared, four siblings": Panel(0, siblings=3),
    "two shared": Panel(2),
    "two shared, two families": Panel(2, families=2),
    "two shared, wider than samples": Panel(2, n=80, width=200, private=60, decay=0.7),
    "three shared, three siblings": Panel(3, siblings=2),
    "one shared, 2 % of the variance": Panel(1, scale=0.35, noise=0.1),
    "one shared, weak, wider than samples": Panel(1, n=100, width=150, private=80, decay=0.5, scale=0.35),
}


def ranks(panel: Panel, sets: int, permutations: int) -> Counter[int]:
    """Return how often each number of shared coordinates is found."""
    found: Counter[int] = Counter()
    for seed in range(sets):
        rows, names = panel.draw(seed)
        codes, spaces = family_codes(names), [space(one) for one in rows]
        orders = family_orders(np.arange(panel.n), panel.families, permutations, seed)
        found[shared_rank(spaces, codes, votes_of(codes), orders).rank] += 1
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--sets", type=click.IntRange(10), default=300, help="Number of sets of each panel.")
@click.option("--permutations", type=click.IntRange(19), default=39)
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(sets: int, permutations: int, write: bool) -> None:
    """Measure error rates and power of the number of shared coordinates, by simulation."""
    rows: list[dict[str, Any]] = []
    for name, panel in PANELS.items():
        found = ranks(panel, sets, permutations)
        few, many = (sum(c for r, c in found.items() if (r - panel.shared) * sign > 0) for sign in (-1, 1))
        row = {"panel": name, "sets": sets, "right": found[panel.shared] / sets}
        rows.append(row | {"too_few": few / sets, "too_many": many / sets})
        click.echo(f"{name}: right {row['right']:.3f}, too few {few / sets:.3f}, too many {many / sets:.3f}")
    if write:
        facts = {"rows": rows, "permutations": permutations, "machine": machine()}
        RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(table(facts))
        click.echo(f"wrote {RESULTS} and {RESULTS.with_suffix('.md')}")


def table(facts: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    info = facts["machine"]
    sets = facts["rows"][0]["sets"]
    cells = [[row["panel"], *(f"{row[key]:.3f}" for key in ("right", "too_few", "too_many"))] for row in facts["rows"]]
    return "\n".join(
        [
            "# The number of shared coordinates",
            "",
            f"Share of {sets} planted panels in which `hyle consensus` finds the right number of shared coordinates, "
            "too few or too many, at a level of 5 %. Where nothing is shared, too many is the error rate; elsewhere, "
            "too few is a lack of power. The standard error of a rate of 5 % is "
            f"{100 * (0.05 * 0.95 / sets) ** 0.5:.1f} %.",
            "",
            *rows_of(["panel", "right", "too few", "too many"], cells),
            "",
            f"{facts['permutations']} permutations. {info['cpu']}, {info['cores']} cores, {info['date']}, commit "
            f"{info['commit']}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
