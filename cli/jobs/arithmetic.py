"""Embedding arithmetic on quadruples of samples that differ by the same change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click
import numpy as np

from hyle.zoo import InputError, Representation, substituents

from ..comparison import known_groups, number
from ..tables import print_table
from .analogies import element_counts, element_quadruples, formula_quadruples, substituent_quadruples
from .compare import by_name
from .rows import rows_of, rows_word
from .sample_facts import find_dataset_of, formulas_of

if TYPE_CHECKING:
    from hyle.engine.analysis import Arithmetic

Change = Literal["formula", "substituent", "element"]
CHANGES = ("formula", "substituent", "element")
# What each row stands for, and the change in words.
WORDS = {
    "formula": ("formula", "formulas", "D = A − B + C in the number of atoms of every element"),
    "substituent": ("molecule", "molecules", "A and B, and D and C, differ by the same two substituents"),
    "element": ("element", "elements", "A and D of one period, B and C of another, A and B of one group"),
}
# Rows that are compared with all others: the products of all pairs are kept in memory.
MOST_ROWS = 4000


class Source(NamedTuple):
    """The data set of the samples, if the user named it, and the column with its ids if it is a file."""

    dataset: str | None
    id_column: str | None


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of every model, and the quadruples among them.

    Args:
        names: n names of the rows.
        rows: model -> [n, d].
        quadruples: int [q, 4].
        strata: n labels, for the permutations within them; None without.
        units: n labels for the jackknife; None for the rows themselves.
    """

    names: Sequence[str]
    rows: Mapping[str, np.ndarray]
    quadruples: np.ndarray
    strata: Sequence[str] | None = None
    units: Sequence[str] | None = None


def arithmetic(
    representations: Sequence[Representation],
    change: Change,
    *,
    dataset: str | None = None,
    id_column: str | None = None,
    quadruples: int = 500,
    similarity: str = "cosine",
    permutations: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """Rank D among the candidates by its distance from A - B + C, in every model on the same quadruples.

    Args:
        representations: of the same samples; for ``element`` of their atoms.
        change: what A and B differ by, see `WORDS`.
        dataset: of the samples, if the representations do not know what they are.
        id_column: of the data set, if it is a file.
        quadruples: number of quadruples that are drawn, at most.
        similarity: ``cosine`` or ``euclidean``.
        permutations: for each p-value.
        seed: of all draws.

    Returns:
        ``change``, ``rows`` (their number), ``quadruples`` (their number), ``examples`` and ``models``: name -> the
        fields of `hyle.engine.analysis.Arithmetic`.

    Raises:
        InputError: nothing is known of the samples, or there are no such quadruples among them.
    """
    from hyle.engine import analysis

    named = by_name(representations)
    ids = sorted(set.intersection(*(set(each.ids) for each in representations)))
    if change == "element":
        found = _of_elements(named, ids)
    else:
        find = _of_formulas if change == "formula" else _of_substituents
        found = find(named, ids, Source(dataset, id_column), quadruples, seed)
    if not len(found.quadruples):
        others = ", ".join(each for each in CHANGES if each != change)
        raise InputError(
            f"among the {len(ids):,} common {rows_word(representations)} there are no quadruples by {change} "
            f"({WORDS[change][2]}): use more samples, or another --by: {others}"
        )
    results = {
        name: analysis.arithmetic(
            rows,
            found.quadruples,
            strata=found.strata,
            units=found.units,
            similarity=similarity,  # type: ignore[arg-type]
            permutations=permutations,
            seed=seed,
        )
        for name, rows in found.rows.items()
    }
    return {
        "change": change,
        "rows": len(found.names),
        "quadruples": len(found.quadruples),
        "similarity": similarity,
        "permutations": permutations,
        "seed": seed,
        "examples": [[found.names[i] for i in four] for four in found.quadruples[:5]],
        "models": {name: _plain(result) for name, result in results.items()},
    }


def _of_formulas(
    named: Mapping[str, Representation], ids: Sequence[str], source: Source, limit: int, seed: int
) -> Rows:
    """Average the samples of each formula."""
    formulas = formulas_of(list(named.values()), ids, *source)
    if not formulas:
        raise InputError("--by formula: the formulas of the samples are unknown; name them with --dataset")
    names, codes = np.unique([formulas[id_] for id_ in ids], return_inverse=True)
    kept = _drawn(len(names), seed)
    _, counts = element_counts(names.tolist())
    quadruples = formula_quadruples(counts[kept], limit, seed)
    rows = {name: _means(rows_of(each, ids), codes, len(names))[kept] for name, each in named.items()}
    return Rows(names[kept].tolist(), rows, quadruples)


def _of_substituents(
    named: Mapping[str, Representation], ids: Sequence[str], source: Source, limit: int, seed: int
) -> Rows:
    """Find matched pairs of molecules; the jackknife leaves out formulas, and permutations keep them."""
    data = find_dataset_of(list(named.values()), source.dataset, id_column=source.id_column, why="--by substituent")
    common = set(ids)
    samples = [sample for sample in data if sample.id in common]
    if not any(sample.smiles for sample in samples):
        raise InputError(f"--by substituent needs molecules with SMILES, which {data.name} does not have")
    chosen = substituent_quadruples(substituents(samples), limit, seed)
    used = sorted({id_ for four in chosen for id_ in four})
    others = sorted(common - set(used))
    room = max(0, MOST_ROWS - len(used))
    drawn = np.random.default_rng([seed, len(others)]).permutation(len(others))[:room]
    kept = sorted([*used, *(others[i] for i in drawn)])
    at = {id_: i for i, id_ in enumerate(kept)}
    quadruples = np.array([[at[id_] for id_ in four] for four in chosen], np.int64).reshape(-1, 4)
    formulas = formulas_of(list(named.values()), kept, *source)
    labels = [formulas[id_] for id_ in kept] if formulas else None
    return Rows(kept, {name: rows_of(each, kept) for name, each in named.items()}, quadruples, labels, labels)


def _of_elements(named: Mapping[str, Representation], ids: Sequence[str]) -> Rows:
    """Average the atoms of each element; all rectangles of the periodic table are used."""
    elements = known_groups("element", list(named.values()), ids)
    if not elements:
        raise InputError("--by element needs rows of atoms: hyle embed MODEL --per atom, and then --per atom here")
    from ase.data import atomic_numbers

    symbols, codes = np.unique([elements[id_] for id_ in ids], return_inverse=True)
    rows = {name: _means(rows_of(each, ids), codes, len(symbols)) for name, each in named.items()}
    return Rows(symbols.tolist(), rows, element_quadruples([atomic_numbers[each] for each in symbols]))


def _drawn(n: int, seed: int) -> np.ndarray:
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).permutation(n)[:MOST_ROWS])


def _means(rows: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros((count, rows.shape[1]))
    np.add.at(total, codes, rows)
    return total / np.bincount(codes, minlength=count)[:, None]


def _plain(result: Arithmetic) -> dict[str, Any]:
    values = result._asdict()
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def print_arithmetic(found: Mapping[str, Any]) -> None:
    """Print where D is in each model, beside chance and beside what A and C alone give."""
    _, several, words = WORDS[found["change"]]
    click.echo(f"Embedding arithmetic: {words}")
    click.echo(f"{found['quadruples']:,} quadruples among {found['rows']:,} {several}")
    rows = []
    for name, each in sorted(found["models"].items(), key=lambda item: item[1]["percentile"]):
        rows.append(
            (
                name,
                f"{number(each['percentile'], 3)} [{number(each['low'], 3)}, {number(each['high'], 3)}]",
                number(each["null"], 3),
                _p(each["p"]),
                number(min(each["without_offset"].values()), 3),
                f"{number(each['gain'], 3)} [{number(each['gain_low'], 3)}, {number(each['gain_high'], 3)}]",
                f"{each['first']:.0%}",
                f"{number(each['reciprocal_rank'], 3)} ({number(each['reciprocal_chance'], 3)})",
                number(each["within"], 3) if each["within"] == each["within"] else "–",
                number(each["within_null"], 3) if each["within_null"] == each["within_null"] else "–",
                _p(each["within_p"]),
            )
        )
    columns = (
        *("model", "nearer than D", "permuted", "p", "without − B", "gain", "D is first", "1 / rank (chance)"),
        *("isomers nearer", "permuted within formulas", "p within"),
    )
    print_table(columns, rows, right=columns[1:], keys=1)
    click.echo(f"\nnearer than D: mean share of the other {several} that are nearer to A − B + C; 0 at best")
    click.echo("without − B: the same share for A, for C or for their mean, whichever is smallest; gain: what − B adds")
    click.echo(f"[ ] 95 % intervals, by leaving out {'formulas' if found['change'] != 'element' else 'elements'}")
    if found["change"] == "substituent":
        click.echo("isomers nearer: the share among molecules of D's formula; 0.5 for a model of composition alone")


def _p(value: float) -> str:
    return f"{value:.3g}" if value == value else "–"
