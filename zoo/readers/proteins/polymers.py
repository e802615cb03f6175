"""The residues of proteins in a model of a structure, and what else is in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...base import shorten, shorten_names
from .amino_acids import kind, letter

BOND = 2.0  # Angstrom from C to the next N: 1.33 in a peptide bond, at least 3 where residues are missing
TRACE = 4.5  # Angstrom from CA to the next CA, 2.9 to 3.9 in a chain


@dataclass
class Protein:
    """The observed residues of a protein chain.

    Args:
        name: name of the chain, or its segment if it has none; may be empty.
        number: 1, or more for a further chain of the same name.
        chain: name of the chain in the file.
        residues: residues of gemmi, in file order.
    """

    name: str
    number: int
    chain: str
    residues: list[Any]


def proteins(model: Any) -> list[Protein]:
    """Find the proteins of a model of gemmi.

    A residue belongs to a protein if it is an amino acid, or bears N, CA and C, and is part of the polymer: it is one
    according to the file, or no HETATM, or bonded to another residue.
    Chains of a name that occurs more than once are different proteins, unless the numbers of the residues continue:
    some programs write TER where residues are missing.
    """
    result: list[Protein] = []
    for chain in model:
        for residues in _pieces(chain):
            name = chain.name.strip() or residues[0].segment.strip()
            earlier = [protein for protein in result if protein.name == name]
            if earlier and chain.name.strip() and _continues(earlier[-1].residues, residues):
                earlier[-1].residues += residues
            else:
                result.append(Protein(name, len(earlier) + 1, chain.name, residues))
    return result


def others(model: Any, members: Sequence[Protein]) -> str:
    """Return what is in a model besides proteins, for messages; empty if there is nothing."""
    taken = {_key(p.chain, residue) for p in members for residue in p.residues}
    polymers: dict[str, str] = {}
    residues: Counter[str] = Counter()
    for chain in model:
        rest = [kind(r.name) for r in chain if _key(chain.name, r) not in taken]
        for name in rest:
            if name in ("DNA", "RNA", "a nucleic acid"):
                polymers[chain.name] = name
            else:
                residues[name] += 1
    chains = [f"chain {shorten(name or '(no name)')} is {content}" for name, content in polymers.items()]
    single = [f"{count} {name}" for name, count in residues.most_common()]
    return shorten_names([*chains, *single], most=8)


def is_amino_acid(residue: Any) -> bool:
    """Return whether a residue is an amino acid by its name, or by N, CA and C if its name is unknown."""
    known = letter(residue.name)
    return bool(known) if known is not None else {"N", "CA", "C"} <= {atom.name for atom in residue}


def bonded(first: Any, second: Any) -> bool:
    """Return whether a peptide bond links two residues, by distance; by CA if C and N are missing."""
    for one, other, limit in (("C", "N", BOND), ("CA", "CA", TRACE)):
        a, b = first.find_atom(one, "*"), second.find_atom(other, "*")
        if a and b:
            return bool(a.pos.dist(b.pos) < limit)
    return False


def broken(first: Any, second: Any) -> bool:
    """Return whether residues are missing between two: by the bond, or by their numbers where its atoms are missing."""
    for one, other, limit in (("C", "N", BOND), ("CA", "CA", TRACE)):
        a, b = first.find_atom(one, "*"), second.find_atom(other, "*")
        if a and b and math.isfinite(distance := a.pos.dist(b.pos)):
            return bool(distance >= limit)
    return _number(second) - _number(first) > 1


def _key(chain: str, residue: Any) -> tuple[str, str, str]:
    return chain, str(residue.seqid), residue.subchain


def _pieces(chain: Any) -> Iterator[list[Any]]:
    """Yield the residues of each protein in a chain of gemmi."""
    import gemmi

    aside = (gemmi.EntityType.NonPolymer, gemmi.EntityType.Branched, gemmi.EntityType.Water)
    members: list[Any] = []
    for residue in chain.first_conformer():
        if residue.entity_type in aside or not is_amino_acid(residue):
            continue
        if members and _is_other(members, residue, chain.name):
            yield from _polymer(members)
            members = []
        members.append(residue)
    yield from _polymer(members)


def _is_other(members: Sequence[Any], residue: Any, name: str) -> bool:
    """Return whether a residue starts another protein."""
    last = members[-1]
    if residue.subchain != last.subchain:
        return True
    if not name.strip() and residue.segment != last.segment:
        return True
    return _number(residue) <= _number(members[0]) and not bonded(last, residue)


def _polymer(residues: list[Any]) -> Iterator[list[Any]]:
    """Yield the residues without single ones, such as ligands, that follow the polymer."""
    import gemmi

    certain = [i for i, r in enumerate(residues) if r.entity_type == gemmi.EntityType.Polymer or r.het_flag != "H"]
    last = certain[-1] if certain else -1
    linked = [
        any(bonded(residues[j], residues[j + 1]) for j in (i - 1, i) if 0 <= j < len(residues) - 1)
        for i in range(last + 1, len(residues))
    ]
    kept = residues[: last + 1] + [r for r, link in zip(residues[last + 1 :], linked, strict=True) if link]
    if kept and not (len(kept) == 1 and letter(kept[0].name) is None):
        yield kept


def _continues(earlier: Sequence[Any], residues: Sequence[Any]) -> bool:
    return _number(residues[0]) > _number(earlier[-1]) and bool(residues[0].subchain == earlier[-1].subchain)


def _number(residue: Any) -> int:
    return residue.seqid.num or 0  # None where the columns are blank
