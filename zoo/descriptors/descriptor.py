"""A descriptor, and the table of descriptors that is filled sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Property:
    """What a descriptor means.

    Args:
        name: of the descriptor, unique among those of a sample.
        more: which samples have the property, or more of it, such as ``with a nitro group``.
        less: the other samples, such as ``without a nitro group``.
        method: how the descriptor is computed, with its source.
        unit: of its values; empty for numbers without a unit.
        binary: whether its values are 0 and 1 only.
        absent: value of a sample in which the property was not met: 0 for what a sample may contain, else NaN.
    """

    name: str
    more: str
    less: str
    method: str
    unit: str = ""
    binary: bool = False
    absent: float = math.nan


# A property with its value in one sample.
Fact = tuple[Property, float]


@dataclass(frozen=True)
class Descriptor:
    """One property of n samples or nodes.

    Args:
        name: of the descriptor, such as ``heavy atoms``.
        values: float64 [n]; 0 or 1 where `binary`; NaN where the property is not defined.
        binary: whether it is present or absent, not a number.
        unit: of the values; empty for numbers without a unit.
        more: which samples have it, or more of it, such as ``with more heavy atoms``.
        less: the others, such as ``with fewer heavy atoms``.
        method: how it is computed, with its source.
    """

    name: str
    values: np.ndarray
    binary: bool
    unit: str
    more: str
    less: str
    method: str


@dataclass(frozen=True)
class SampleDescriptors:
    """The descriptors of n samples, or of n nodes.

    Args:
        ids: of the samples or nodes, in order.
        descriptors: each with n values.
        noun: what the samples are, in the plural: ``molecules``, ``structures``, ``crystals``, ``proteins``,
            ``samples`` if they are of several kinds, ``atoms``, ``residues`` or ``tokens``.
        left_out: id -> reason, for those that cannot be described; all of their values are NaN.
    """

    ids: tuple[str, ...]
    descriptors: tuple[Descriptor, ...]
    noun: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of descriptors."""
        return len(self.descriptors)

    def __getitem__(self, name: str) -> Descriptor:
        """Return the descriptor of this name; KeyError if there is none."""
        for each in self.descriptors:
            if each.name == name:
                return each
        raise KeyError(name)


class Table:
    """Descriptors that are filled row by row.

    Args:
        ids: of the rows.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self.left_out: dict[str, str] = {}
        self._columns: dict[str, tuple[Property, np.ndarray]] = {}

    def fill(self, row: int, facts: Iterable[Fact]) -> None:
        """Set the values of one row."""
        for prop, value in facts:
            if prop.name not in self._columns:
                self._columns[prop.name] = prop, np.full(len(self.ids), prop.absent, np.float64)
            self._columns[prop.name][1][row] = value

    def leave_out(self, row: int, reason: str) -> None:
        """Note why a row has no values."""
        self.left_out[self.ids[row]] = reason

    def finish(self, noun: str) -> SampleDescriptors:
        """Return the descriptors in the order in which they were first met."""
        empty = [row for row, id_ in enumerate(self.ids) if id_ in self.left_out]
        found = []
        for prop, values in self._columns.values():
            values[empty] = math.nan
            found.append(Descriptor(prop.name, values, prop.binary, prop.unit, prop.more, prop.less, prop.method))
        return SampleDescriptors(self.ids, tuple(found), noun, self.left_out)


def has(thing: str, method: str, *, name: str = "") -> Property:
    """Return the property of containing a thing, which is named with its article, such as ``a nitro group``."""
    bare = thing.partition(" ")[2] if thing.startswith(("a ", "an ", "the ")) else thing
    return Property(name or bare, f"with {thing}", f"without {thing}", method, binary=True, absent=0)


def many(things: str, method: str) -> Property:
    """Return the number of things, which are named in the plural."""
    return Property(things, f"with more {things}", f"with fewer {things}", method)


def size(thing: str, method: str, unit: str = "", *, high: str = "higher", low: str = "lower") -> Property:
    """Return a quantity that is not a number of things."""
    article = "an" if high[:1] in "aeiou" else "a"
    return Property(thing, f"with {article} {high} {thing}", f"with a {low} {thing}", method, unit)


def share(things: str, method: str) -> Property:
    """Return a share, named by what it is of."""
    return size(things, method, high="larger", low="smaller")


def contains(element: str) -> Property:
    """Return the property of containing an element."""
    method = "an atom of the element is in the sample, hydrogens that a SMILES string implies included"
    return Property(
        f"contains {element}", f"that contain {element}", f"without {element}", method, binary=True, absent=0
    )
