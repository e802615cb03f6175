"""The nodes of a batch of samples, and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..base import InputError

# What can have a row of its own -> the kind of its label, a group of `hyle.zoo.GROUP_KINDS`.
LABEL_KINDS: Mapping[str, str] = {"atom": "element", "residue": "residue", "token": "token"}
NODE_KINDS = tuple(LABEL_KINDS)
SEPARATOR = "#"


@dataclass(frozen=True)
class Nodes:
    """The nodes of n samples, in the order of the samples.

    Args:
        counts: number of nodes of each sample, at least 1.
        numbers: number of each node within its sample, from 0: of an atom in the structure or, without one, in the
            SMILES string without explicit hydrogens; of a residue in the sequence; of a token.
        labels: chemical symbol of an atom, letter of a residue, text of a token.
    """

    counts: Sequence[int]
    numbers: Sequence[int]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        if not len(self.numbers) == len(self.labels) == sum(self.counts) or min(self.counts, default=1) < 1:
            raise InputError(
                f"{sum(self.counts)} nodes of {len(self.counts)} samples have {len(self.numbers)} numbers and "
                f"{len(self.labels)} labels, or a sample has none"
            )

    def ids(self, samples: Sequence[str]) -> list[str]:
        """Return the ids ``SAMPLE#NUMBER`` of all nodes, from those of the samples."""
        owners = self.spread(samples)
        return [node_id(owner, number) for owner, number in zip(owners, self.numbers, strict=True)]

    def groups(self, samples: Sequence[str], per: str) -> dict[str, list[str]]:
        """Return the sample and the label of each node as groups, kind -> labels."""
        return {"sample": self.spread(samples), LABEL_KINDS[per]: list(self.labels)}

    def spread(self, values: Sequence[str]) -> list[str]:
        """Return the value of its sample for each node."""
        return [value for value, count in zip(values, self.counts, strict=True) for _ in range(count)]


def joined(parts: Iterable[Nodes]) -> Nodes:
    """Return the nodes of several batches as those of one."""
    counts, numbers, labels = list[int](), list[int](), list[str]()
    for part in parts:
        counts += part.counts
        numbers += part.numbers
        labels += part.labels
    return Nodes(counts, numbers, labels)


def node_id(sample: str, number: int) -> str:
    """Return the id of a node, such as ``qm9:12#3``."""
    return f"{sample}{SEPARATOR}{number}"


def split_node_id(text: str) -> tuple[str, int]:
    """Return the id of the sample and the number of the node, such as ("qm9:12", 3).

    Raises:
        ValueError: it does not end with ``#`` and a number.
    """
    sample, separator, number = text.rpartition(SEPARATOR)
    if not separator or not (number.isascii() and number.isdecimal()):
        raise InputError(f"{text!r} is not the id of an atom, residue or token, such as {node_id('SAMPLE', 3)!r}")
    return sample, int(number)
