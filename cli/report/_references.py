"""References with links, and as BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..comparison import text

if TYPE_CHECKING:
    import xarray as xr

_ARXIV = re.compile(r"arXiv[: ]\s?(\d{4}\.\d{4,5})(v\d+)?", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:\s?|https?://doi\.org/)(10\.\d{4,9}/[^\s;,]+[^\s;,.])", re.IGNORECASE)
_YEAR = re.compile(r"\b(1[89]|20)\d{2}\b")
STUDY = (
    "Edamadaka, Yang, Li, Gómez-Bombarelli. Universally Converging Representations of Matter Across Scientific "
    "Foundation Models. 2025, arXiv:2512.03750"
)


@dataclass(frozen=True)
class Reference:
    """One source.

    Args:
        use: what it is the source of.
        parts: text and links: (text, address or "").
        bibtex: its entry.
    """

    use: str
    parts: list[tuple[str, str]]
    bibtex: str


def references(comparison: xr.Dataset) -> list[Reference]:
    """Return hyle itself, the study, and the sources of the metrics, each once."""
    version = text(comparison.attrs, "hyle_version")
    # Metrics may spell a source differently; its number is the same.
    sources: dict[str, str] = {}
    cited: dict[str, list[str]] = {}
    for variable in comparison.data_vars.values():
        for citation in str(variable.attrs.get("citation") or "").split(";"):
            if citation.strip():
                label = text(variable.attrs, "long_name") or str(variable.name)
                links = [address for _, address in linked_parts(citation.strip()) if address]
                source = sources.setdefault(links[0] if links else citation.strip(), citation.strip())
                cited.setdefault(source, []).append(label)
    hyle = f"hyle: alignment of the representations of scientific models{f', version {version}' if version else ''}"
    software = _entry("software", "hyle", {"title": "{hyle}: alignment of the representations of scientific models",
                                           "author": "{The hyle maintainers}", "version": version})  # fmt: skip
    study = _entry("misc", "edamadaka2025universally", {
        "title": "Universally Converging Representations of Matter Across Scientific Foundation Models",
        "author": "Edamadaka, Sathya and Yang, Soojung and Li, Ju and G{\\'o}mez-Bombarelli, Rafael",
        "year": "2025", "eprint": "2512.03750", "archivePrefix": "arXiv"})  # fmt: skip
    found = [Reference("this report", [(hyle, "")], software), Reference("the study", linked_parts(STUDY), study)]
    keys = {"hyle", "edamadaka2025universally"}
    for citation, labels in cited.items():
        use = ", ".join(dict.fromkeys(labels))
        found.append(Reference(use, linked_parts(citation), _bibtex(citation, use, keys)))
    return found


def linked_parts(citation: str) -> list[tuple[str, str]]:
    """Split a citation into text and links to its arXiv number and DOI."""
    links = [(m.span(), f"https://arxiv.org/abs/{m[1]}") for m in _ARXIV.finditer(citation)]
    links += [(m.span(), f"https://doi.org/{m[1]}") for m in _DOI.finditer(citation)]
    parts, at = [], 0
    for (start, end), address in sorted(links):
        if start >= at:
            parts += [(citation[at:start], ""), (citation[start:end], address)]
            at = end
    return [part for part in [*parts, (citation[at:], "")] if part[0]]


def _bibtex(citation: str, use: str, keys: set[str]) -> str:
    year, arxiv, doi = _YEAR.search(citation), _ARXIV.search(citation), _DOI.search(citation)
    authors = citation[: year.start()] if year else citation.partition(",")[0]
    authors = re.sub(r"\s*et al\.?", " and others", authors.strip(" ,.()")).replace(" & ", " and ")
    first = re.sub(r"[^a-z]", "", authors.split(" ")[0].casefold()) or "source"
    key = base = f"{first}{year[0] if year else ''}"
    for letter in "abcdefghijklmnopqrstuvwxyz":
        if key not in keys:
            break
        key = base + letter
    keys.add(key)
    fields = {"author": authors, "year": year[0] if year else "", "doi": doi[1] if doi else ""}
    fields |= {"eprint": arxiv[1], "archivePrefix": "arXiv"} if arxiv else {}
    if not (arxiv or doi):
        fields["howpublished"] = citation[year.end() :].strip(" ,.") if year else citation
    return _entry("misc", key, {**fields, "note": f"Source of {use}"})


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"
