"""What `hyle benchmark` is asked about: a model and its sets, or files of embeddings and theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hyle.zoo import (
    READERS,
    BenchmarkSet,
    InputError,
    ModelCard,
    Representation,
    Store,
    find_card,
    list_benchmarks,
    list_models,
    load_dataset,
    load_panel,
    read_embeddings,
)

from ..console import say
from ..jobs import embed_with_progress


@dataclass(frozen=True)
class Subject:
    """A model that is to be measured, embedded on its sets.

    Args:
        name: of the model, or of the file.
        family: of the model, empty where it is not known.
        parameters: of its checkpoint, 0 where they are not known.
        trained_on: what it was trained on, as far as its card says.
        sets: by role, ``in`` and, where it can be measured there, ``out``.
        representations: of the sets, by role.
        ood_missing_reason: why there is nothing out of distribution; empty where there is.
    """

    name: str
    family: str
    parameters: int
    trained_on: Sequence[str]
    sets: Mapping[str, BenchmarkSet]
    representations: Mapping[str, Representation]
    ood_missing_reason: str = ""


def find_subject(
    source: str,
    store: Store,
    *,
    domain: str | None = None,
    out: Path | None = None,
    family: str | None = None,
    device: str = "cpu",
) -> Subject:
    """Embed a model on its sets, or read files of embeddings of them.

    Args:
        source: a model of the zoo, ``module:Class``, ``hf:organisation/name``, or a file.
        store: where embeddings of models are kept.
        domain: of the sets; default what a model was trained on, or else the first that it can read.
        out: for a file, a second one of samples out of distribution.
        family: of a model that has no card, whose relatives must not count as independent.
        device: as torch names devices.

    Raises:
        ValueError: no such model or file, or none of the sets can be read by it or stands in it.
    """
    if Path(source).suffix.lower() in READERS or Path(source).exists():
        return _of_files(Path(source), out, domain, family)
    if out is not None:
        raise InputError(f"--out is for a file of embeddings; {source} is embedded out of distribution by hyle")
    card = find_card(source, notify=say)
    sets, why = sets_of(card, domain)
    found = {}
    for role, bench in sets.items():
        data = load_dataset(bench.name, n=bench.samples)
        found[role], _ = embed_with_progress(source, data, store, device=device)
    return Subject(card.name, family or card.family, card.parameters, card.trained_on, sets, found, why)


def sets_of(card: ModelCard, domain: str | None = None) -> tuple[dict[str, BenchmarkSet], str]:
    """Choose the sets of a model by role, and say why there is none out of distribution.

    Raises:
        ValueError: it reads none of them; says what there is.
    """
    readable = [
        bench
        for bench in list_benchmarks()
        if card.view in (*bench.views, "any") and bench.domain in card.domains and domain in (None, bench.domain)
    ]
    inside = [bench for bench in readable if bench.role == "in"]
    if not inside:
        sets = "; ".join(f"{b.name}, {b.domain}: {', '.join(b.views)}" for b in list_benchmarks() if b.role == "in")
        takes = f"{card.name} reads {card.view} of {', '.join(card.domains)}"
        raise InputError(f"{takes}, and no set{f' of {domain}' if domain else ''} of the benchmark has that ({sets})")
    seen = {one.casefold() for one in card.trained_on}
    home = next((bench for bench in inside if _known(bench) & seen), inside[0])
    others = [bench.domain for bench in inside if bench is not home]
    if others:
        say(f"{card.name} is measured on {home.domain}; for others: --domain {' or '.join(others)}")
    away = next((bench for bench in readable if bench.role == "out" and bench.domain == home.domain), None)
    if away is None:
        return {"in": home}, f"no set of {home.domain} out of distribution has the {card.view} that it reads"
    return {"in": home, "out": away}, ""


def _known(bench: BenchmarkSet) -> set[str]:
    from hyle.zoo import find_dataset

    return {find_dataset(bench.name).known_as.casefold(), bench.name.casefold()}


def _of_files(path: Path, out: Path | None, domain: str | None, family: str | None) -> Subject:
    inside, bench = _file(path, "in", domain)
    sets, found, why = {"in": bench}, {"in": inside}, "no file of samples out of distribution was given: --out FILE"
    if out is not None:
        found["out"], sets["out"] = _file(out, "out", bench.domain)
        why = ""
    known = next((card for card in list_models() if card.name == inside.recipe.get("model")), None)
    trained_on = known.trained_on if known else ()
    return Subject(
        path.name,
        family or (known.family if known else ""),
        known.parameters if known else 0,
        trained_on,
        sets,
        found,
        why,
    )


def _file(path: Path, role: str, domain: str | None) -> tuple[Representation, BenchmarkSet]:
    """Read a file and find the set whose ids it has."""
    found = read_embeddings(path)
    sets = [bench for bench in list_benchmarks() if bench.role == role and domain in (None, bench.domain)]
    shared = {bench.name: len(set(load_panel(bench.name).ids) & set(found.ids)) for bench in sets}
    best = max(sets, key=lambda bench: shared[bench.name])
    if not shared[best.name]:
        kinds = "; ".join(f"{bench.domain}: load_dataset({bench.name!r}, n={bench.samples})" for bench in sets)
        raise InputError(
            f"{path}: none of its {len(found.ids)} ids, such as {found.ids[0]!r}, is of a set of the benchmark "
            f"{'out of' if role == 'out' else 'in'} distribution. Embed the samples that hyle.zoo gives in Python "
            f"({kinds}) and keep their ids"
        )
    return found, best
