"""Rules that make the ids of several files meet."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..base import InputError, Representation, did_you_mean, shorten
from ..nodes import SEPARATOR

# UniProt titles (sp|P69905|HBA_HUMAN), also with the bars replaced; NCBI titles; UniRef clusters; AlphaFold models.
_ACCESSION = (
    re.compile(r"(?:sp|tr|up)[|_](?P<id>[A-Za-z0-9-]+)(?:[|_]|$)"),
    re.compile(r"(?:gi\|\d+\|)?(?:ref|gb|emb|dbj|pir|pdb)\|(?P<id>[^|]+)"),
    re.compile(r"UniRef\d+_(?P<id>[A-Za-z0-9-]+)"),
    re.compile(r"AF-(?P<id>[A-Za-z0-9]+)-F\d+"),
)


def _accession(text: str) -> str:
    word = text.split(None, 1)[0] if text.split() else text
    match = next((m for m in (pattern.match(word) for pattern in _ACCESSION) if m), None)
    return match["id"] if match else word


# Endings of files of samples and embeddings. Others, as the chain in 1abc.A or the version in P69905.1, are kept.
_ENDINGS = (
    *("cif", "mmcif", "pdb", "ent", "xyz", "extxyz", "vasp", "poscar", "mol", "mol2", "sdf", "smi", "json", "fasta"),
    *("fa", "faa", "traj", "db", "npy", "npz", "pt", "pth", "h5", "csv", "txt", "out", "log"),
)
_ENDING = re.compile(rf"(\.({'|'.join(_ENDINGS)}))?(\.(gz|bz2|xz|zst))?", re.IGNORECASE)


def _stem(text: str) -> str:
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    stem = re.sub(rf"{_ENDING.pattern}$", "", name, flags=re.IGNORECASE)
    return stem if stem and stem != name else text


def _zeros(text: str) -> str:
    return text.lstrip("0") or "0" if text.isdecimal() else text


# Rule -> what it does to one id, and the same in words.
ID_RULES: Mapping[str, tuple[Callable[[str], str], str]] = {
    "accession": (_accession, "sp|P69905|HBA_HUMAN becomes P69905"),
    "stem": (_stem, "cifs/NaCl.cif becomes NaCl"),
    "zeros": (_zeros, "007 becomes 7"),
    "case": (str.lower, "NaCl becomes nacl"),
}


def apply_id_rule(representation: Representation, rule: str) -> Representation:
    """Return a representation with the ids that a rule of `ID_RULES` makes of its ids.

    Raises:
        ValueError: no such rule, or two ids become equal; names them.
    """
    if rule not in ID_RULES:
        raise InputError(
            f"no rule for ids is called {rule!r}{did_you_mean(rule, ID_RULES)} There are: {', '.join(ID_RULES)}"
        )
    of_samples, _ = ID_RULES[rule]
    nodes = "per" in representation.recipe

    def change(text: str) -> str:
        """Change an id; of an atom, residue or token the part that names its sample."""
        sample, separator, number = text.rpartition(SEPARATOR) if nodes else (text, "", "")
        return f"{of_samples(sample)}{separator}{number}" if separator or not nodes else of_samples(text)

    ids = [change(i) for i in representation.ids]
    first: dict[str, str] = {}
    for old, new in zip(representation.ids, ids, strict=True):
        if first.setdefault(new, old) != old:
            raise InputError(
                f"{representation.name}: by --ids {rule} both {shorten(first[new])!r} and {shorten(old)!r} become "
                f"{shorten(new)!r}; ids must be unique"
            )
    dropped = {of_samples(i): reason for i, reason in representation.dropped.items()}
    groups = dict(representation.groups)
    if "sample" in groups:
        groups["sample"] = [of_samples(i) for i in groups["sample"]]
    rules = [*representation.recipe.get("id_rules", ()), rule]
    recipe = {**representation.recipe, "id_rules": rules}
    return replace(representation, ids=ids, dropped=dropped, recipe=recipe, groups=groups)


def rules_that_join(ids: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """Return the fewest rules, at most two, after which at least half of the ids are common to all; none if none helps.

    Args:
        ids: of each representation.
    """
    lists = [list(each) for each in ids]
    needed = max(4, -(-min(map(len, lists)) // 2))
    for count in (1, 2):
        found = [(_common(lists, rules), rules) for rules in itertools.combinations(_applicable(lists), count)]
        best = max(found, key=lambda pair: pair[0], default=(0, ()))
        if best[0] >= needed:
            return best[1]
    return ()


def _applicable(ids: Sequence[Sequence[str]]) -> list[str]:
    # In SMILES, case and slashes have a meaning.
    chemical = any(set(i) & set("=#@()[]") for each in ids for i in each)
    return [rule for rule in ID_RULES if not (chemical and rule in ("case", "stem"))]


def _common(ids: Sequence[Sequence[str]], rules: Sequence[str]) -> int:
    """Return the number of common ids after rules; 0 if a rule merges samples, which makes it useless."""
    sets = []
    for each in ids:
        changed = list(each)
        for rule in rules:
            changed = [ID_RULES[rule][0](i) for i in changed]
        if len(set(changed)) < len(changed):
            return 0
        sets.append(set(changed))
    return len(set.intersection(*sets))
