"""The descriptors of the atoms, residues or tokens of the samples of a data set."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Dataset, InputError, Sample
from ..nodes import NODE_KINDS, split_node_id
from .descriptor import Fact, SampleDescriptors, Table
from .missing import needed_for
from .molecules import find_molecule
from .nodes import atom_facts, residue_facts, token_facts


def describe_nodes(
    dataset: Dataset, ids: Sequence[str], per: str, labels: Sequence[str] | None = None
) -> SampleDescriptors:
    """Describe atoms, residues or tokens of the samples of a data set.

    Atoms are described by their element and neighbours; heavy atoms also by hybridisation, rings and aromaticity, where
    the sample has a SMILES string of the same molecular graph; atoms of structures with vacuum also by their distance
    to the surface. Residues are described by their type, their place in the chain and, with a backbone, by burial and
    conformation; tokens by their texts.

    Args:
        dataset: the samples.
        ids: n node ids ``SAMPLE#NUMBER``; see `hyle.zoo.nodes.Nodes` for what is numbered.
        per: ``atom``, ``residue`` or ``token``.
        labels: n texts of tokens, which no sample has; not used for atoms and residues.

    Raises:
        ValueError: an unknown `per`, tokens without labels, or an id that is not that of a node of the data set.
        ImportError: RDKit or ASE is not installed and a sample needs it.
    """
    if per not in NODE_KINDS:
        raise InputError(f"per={per!r} must be one of {', '.join(NODE_KINDS)}")
    if per == "token" and labels is None:
        raise InputError("tokens are described by their texts: give one label for each")
    if labels is not None and len(labels) != len(ids):
        raise InputError(f"{len(labels)} labels for {len(ids)} {per}s")
    samples = {sample.id: sample for sample in dataset}
    rows: dict[str, list[tuple[int, int]]] = {}
    for row, node in enumerate(ids):
        owner, number = split_node_id(node)
        if owner not in samples:
            raise InputError(f"{node}: the data set {dataset.name!r} has no sample {owner!r}")
        rows.setdefault(owner, []).append((row, number))
    table = Table(ids)
    if per == "token":
        for row, text in enumerate(labels or ()):
            table.fill(row, token_facts(text))
        return table.finish("tokens")
    with needed_for(f"describing {per}s"):
        for owner, wanted in rows.items():
            facts = _facts(samples[owner], per)
            for row, number in wanted:
                if number >= len(facts):
                    raise InputError(f"{ids[row]}: sample {owner!r} has {len(facts)} {per}s, numbered from 0")
                table.fill(row, facts[number])
    return table.finish(f"{per}s")


def _facts(sample: Sample, per: str) -> list[list[Fact]]:
    """Return the descriptors of every atom or residue of a sample by its number."""
    return residue_facts(sample) if per == "residue" else atom_facts(sample, find_molecule(sample))
