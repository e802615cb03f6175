"""Samples with coordinates, changed in one respect by a known amount: the same atoms under a shift of distribution."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..base import Dataset, InputError, Sample, did_you_mean

if TYPE_CHECKING:
    from ase import Atoms

# Separates the name of a data set from what was done to its samples.
SEPARATOR = "+"


class _UnchangedError(Exception):
    """A sample cannot be changed in this way."""


def _rattle(atoms: Atoms, amount: float, generator: np.random.Generator) -> Atoms:
    moved = atoms.copy()
    moved.positions += amount * generator.normal(size=(len(atoms), 3))
    return moved


def _volume(atoms: Atoms, amount: float, _: np.random.Generator) -> Atoms:
    _require_crystal(atoms)
    scaled = atoms.copy()
    scaled.set_cell(atoms.cell.array * amount ** (1 / 3), scale_atoms=True)
    return scaled


def _swap(atoms: Atoms, amount: float, generator: np.random.Generator) -> Atoms:
    numbers, order = atoms.numbers.copy(), np.arange(len(atoms))
    if len(set(numbers)) < 2:
        raise _UnchangedError("all of its atoms are of one element")
    waiting = list(generator.permutation(len(numbers)))
    wanted = max(1, round(amount * len(numbers) / 2))
    while wanted and waiting:
        first = waiting.pop(0)
        other = next((i for i in waiting if numbers[i] != numbers[first]), None)
        if other is not None:
            waiting.remove(other)
            order[[first, other]] = order[[other, first]]
            wanted -= 1
    swapped = atoms.copy()
    for name, values in atoms.arrays.items():
        if name not in ("positions", "tags"):  # charges and masses move with the atoms
            swapped.arrays[name] = values[order]
    return swapped


def _cleave(atoms: Atoms, amount: float, _: np.random.Generator) -> Atoms:
    _require_crystal(atoms)
    cell = atoms.cell.array
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    normal *= np.sign(normal @ cell[2])
    height = np.sort(atoms.get_scaled_positions(wrap=True)[:, 2])
    gaps = np.diff([*height, height[0] + 1])
    widest = int(gaps.argmax())
    # The cell begins after the widest gap between planes of atoms, so that the cut passes through that gap.
    opened = atoms.copy()
    opened.set_scaled_positions((atoms.get_scaled_positions() - [0, 0, height[widest] + gaps[widest] / 2]) % 1)
    opened.set_cell([*cell[:2], cell[2] + amount * normal], scale_atoms=False)
    return opened


def _require_crystal(atoms: Atoms) -> None:
    if not atoms.pbc.all() or abs(atoms.cell.volume) == 0:
        raise _UnchangedError("it is not periodic in three directions")


@dataclass(frozen=True)
class Perturbation:
    """One way to change samples.

    Args:
        unit: of its amount; empty for a ratio.
        meaning: of its amount.
        low: the amount is larger than this.
        high: the amount is at most this.
        apply: of the atoms, the amount and a generator that depends on the seed and the id of the sample only.
    """

    unit: str
    meaning: str
    low: float
    high: float
    apply: Callable[[Atoms, float, np.random.Generator], Atoms]


PERTURBATIONS: Mapping[str, Perturbation] = {
    "rattle": Perturbation("Angstrom", "standard deviation of random displacements along each axis", 0, 10, _rattle),
    "volume": Perturbation("", "volume of the crystal, relative to what it was", 0, 10, _volume),
    "swap": Perturbation("", "share of atoms that exchange places with an atom of another element", 0, 1, _swap),
    "cleave": Perturbation("Angstrom", "gap opened parallel to the a and b axes of the crystal", 0, 100, _cleave),
}


def perturb(data: Dataset, kind: str, amount: float, /, *, seed: int = 0) -> Dataset:
    """Change the coordinates or elements of every sample, and keep its composition and id.

    =========  ==============================================================================================
    rattle     random displacements of all atoms, as at a high temperature; standard deviation in Angstrom
    volume     relative volume of the crystal at the same fractional coordinates, as under pressure
    swap       share of the atoms that exchange places with an atom of another element, as in disorder; at least
               one pair, and no more than there are partners
    cleave     a gap between planes of atoms parallel to a and b, as at a surface; in Angstrom
    =========  ==============================================================================================

    The random numbers depend on the seed and on the id of the sample, and not on the amount: a larger amount moves the
    atoms farther in the same directions, and exchanges further atoms beside the same ones. In a crystal of two atoms a
    swap gives back the same crystal.

    Args:
        data: samples with coordinates.
        kind: a name of the table.
        amount: larger than 0; the share at most 1.
        seed: of the random numbers, 0 or greater.

    Returns:
        Dataset with the same ids, without labels, which the change makes wrong, and without forces. Its name is
        ``NAME+KIND=AMOUNT``. Samples that cannot be changed in this way (molecules have no volume) are in ``left_out``.

    Raises:
        ValueError: no such kind, an amount out of range, samples without coordinates, or none that can be changed.
    """
    _check_kind(kind)
    how = PERTURBATIONS[kind]
    if not (math.isfinite(amount) and how.low < amount <= how.high):
        raise InputError(
            f"{kind} ({how.meaning}{f', in {how.unit}' if how.unit else ''}) must be larger than {how.low:g} and at "
            f"most {how.high:g}; got {amount:g}"
        )
    if "atoms" not in data.views:
        raise InputError(f"{kind}: {data.name} has samples without coordinates, which cannot be changed")
    changed: list[Sample] = []
    left_out = dict(data.left_out)
    repeats = data.name.count(f"{SEPARATOR}{kind}=")  # further steps of a kind have other random numbers
    for sample in data:
        digest = hashlib.sha256(f"{kind}{'+' * repeats}:{sample.id}".encode()).digest()
        generator = np.random.default_rng([seed, *np.frombuffer(digest, "<u4").tolist()])
        try:
            atoms = how.apply(sample.atoms, amount, generator)  # type: ignore[arg-type]
        except _UnchangedError as error:
            left_out[sample.id] = f"{kind}: {error}"
            continue
        atoms.calc = None
        atoms.arrays.pop("forces", None)
        atoms.info = {key: atoms.info[key] for key in ("charge", "spin") if key in atoms.info}
        # Other views are of the sample as it was.
        changed.append(Sample(sample.id, atoms=atoms))
    if not changed:
        some = next(iter(left_out.values())).removeprefix(f"{kind}: ")
        raise InputError(f"{kind}: no sample of {data.name} can be changed in this way, for example because {some}")
    return replace(
        data,
        name=f"{data.name}{SEPARATOR}{kind}={amount:g}",
        samples=changed,
        source=f"{data.source}, {kind} {amount:g}{f' {how.unit}' if how.unit else ''} (seed {seed})",
        units={},
        left_out=left_out,
    )


def check_perturbations(name: str) -> None:
    """Raise ValueError unless what follows the name of a data set are perturbations, ``KIND=AMOUNT`` each."""
    for part in name.split(SEPARATOR)[1:]:
        kind, equals, amount = part.partition("=")
        _check_kind(kind)
        try:
            float(amount)
        except ValueError:
            problem = f"{amount!r} is no number" if equals else f"{kind} has no amount"
            meaning = PERTURBATIONS[kind].meaning
            raise InputError(f"{name}: {problem}; write {kind}=AMOUNT, the {meaning}") from None


def _check_kind(kind: str) -> None:
    if kind not in PERTURBATIONS:
        hint = did_you_mean(kind, PERTURBATIONS)
        raise InputError(f"no perturbation is called {kind!r}{hint} There are {', '.join(PERTURBATIONS)}.")


def split_perturbations(name: str) -> tuple[str, list[tuple[str, float]]]:
    """Return the name of the data set before it was perturbed, and what was done to it, in order.

    Example:
        >>> split_perturbations("mptrj+rattle=0.1")
        ('mptrj', [('rattle', 0.1)])
    """
    base, *parts = name.split(SEPARATOR)
    steps = []
    for part in parts:
        kind, _, amount = part.partition("=")
        try:
            steps.append((kind, float(amount)))
        except ValueError:
            return name, []  # a plus sign in the name of a file
        if kind not in PERTURBATIONS:
            return name, []
    return base, steps
