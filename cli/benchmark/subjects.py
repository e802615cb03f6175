"""Subjects of `hyle benchmark`: a model with its sets, or files of embeddings with theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hyle.zoo import (
    BenchmarkSet,
    InputError,
    ModelCard,
    Representation,
    Store,
    find_card,
    is_of_hyle,
    list_benchmarks,
    list_models,
    load_dataset,
    load_panel,
    rules_that_join,
)

from ..console import say
from ..jobs import embed_with_progress
from ..options import FileSelection, is_file_source


@dataclass(frozen=True)
class Subject:
    """A model to benchmark, embedded on its sets.

    Args:
        name: name of the model or of the file.
        family: family of the model, empty where it is unknown.
        sets: sets by role, ``in`` and, where available, ``out``.
        representations: embeddings of the sets, by role.
        card: the model's card, None for a file of embeddings whose model is unknown.
        ood_missing_reason: why there is no set out of distribution; empty where there is one.
        origin_is_known: whether hyle itself loaded the verified weights of one of its models.
    """

    name: str
    family: str
    sets: Mapping[str, BenchmarkSet]
    representations: Mapping[str, Representation]
    card: ModelCard | None = None
    ood_missing_reason: str = ""
    origin_is_known: bool = False

    @property
    def level(self) -> str:
        """Level of theory of the model's energies; empty where it is unknown."""
        return self.card.level if self.card else ""

    @property
    def trained_on(self) -> Sequence[str]:
        """Training data, as named in the model's card."""
        return self.card.trained_on if self.card else ()


def find_subject(
    source: str,
    store: Store,
    *,
    domain: str | None = None,
    out: Path | None = None,
    family: str | None = None,
    device: str = "cpu",
    files: FileSelection | None = None,
) -> Subject:
    """Embed a model on its sets, or read files of embeddings of them.

    Args:
        source: a model of the zoo, ``module:Class``, ``hf:organisation/name``, or a file.
        store: where embeddings of models are kept.
        domain: domain of the sets; default that of the training data, or else the first that the model can read.
        out: for a file, a second file with samples out of distribution.
        family: family of a model that has no card; models of the same family must not count as independent.
        device: device name, as in torch.
        files: how files are read.

    Raises:
        ValueError: the model or file does not exist, the model cannot read any of the sets, or the file contains no
            sample of them.
    """
    if is_file_source(source):
        return _of_files(Path(source), out, domain, family, files or FileSelection())
    if out is not None:
        raise InputError(f"--out is for a file of embeddings; hyle itself embeds {source} out of distribution")
    card = find_card(source, notify=say)
    sets, missing = sets_of(card, domain)
    representations = {}
    for role, bench in sets.items():
        data = load_dataset(bench.name, n=bench.samples)
        representations[role], _ = embed_with_progress(source, data, store, device=device, of_benchmark=True)
    return Subject(card.name, family or card.family, sets, representations, card, missing, is_of_hyle(card.name))


def sets_of(card: ModelCard, domain: str | None = None) -> tuple[dict[str, BenchmarkSet], str]:
    """Return the sets of a model by role, and the reason if there is none out of distribution.

    Raises:
        ValueError: the model reads none of the sets; the message lists them.
    """
    readable = [
        bench
        for bench in list_benchmarks()
        if card.view in (*bench.views, "any") and bench.domain in card.domains and domain in (None, bench.domain)
    ]
    inside = [bench for bench in readable if bench.role == "in"]
    if not inside:
        sets = "; ".join(f"{b.name}, {b.domain}: {', '.join(b.views)}" for b in list_benchmarks() if b.role == "in")
        reads = f"{card.name} reads {card.view} of {', '.join(card.domains)}"
        raise InputError(f"{reads}, and no set{f' of {domain}' if domain else ''} of the benchmark has that ({sets})")
    trained_on = {name.casefold() for name in card.trained_on}
    home = next((bench for bench in inside if _aliases(bench) & trained_on), inside[0])
    others = [bench.domain for bench in inside if bench is not home]
    if others:
        say(f"{card.name} is measured on {home.domain}; for others: --domain {' or '.join(others)}")
    shifted = next((bench for bench in readable if bench.role == "out" and bench.domain == home.domain), None)
    if shifted is None:
        return {"in": home}, f"no set of {home.domain} out of distribution has {card.view}, which the model reads"
    return {"in": home, "out": shifted}, ""


def _aliases(bench: BenchmarkSet) -> set[str]:
    from hyle.zoo import find_dataset

    return {find_dataset(bench.name).known_as.casefold(), bench.name.casefold()}


def _of_files(path: Path, out: Path | None, domain: str | None, family: str | None, files: FileSelection) -> Subject:
    inside, bench = _file(path, "in", domain, files)
    sets, representations = {"in": bench}, {"in": inside}
    missing = "no file of samples out of distribution was given: --out FILE"
    if out is not None:
        representations["out"], sets["out"] = _file(out, "out", bench.domain, files)
        missing = ""
    card = next((card for card in list_models() if card.name == inside.recipe.get("model")), None)
    return Subject(path.name, family or (card.family if card else ""), sets, representations, card, missing)


def _file(path: Path, role: str, domain: str | None, files: FileSelection) -> tuple[Representation, BenchmarkSet]:
    """Read a file, and find the set that shares most ids with it."""
    (representation,) = files.apply_rules(files.read([path]))
    sets = [bench for bench in list_benchmarks() if bench.role == role and domain in (None, bench.domain)]
    shared = {bench.name: len(set(load_panel(bench.name).ids) & set(representation.ids)) for bench in sets}
    best = max(sets, key=lambda bench: shared[bench.name])
    if not shared[best.name]:
        ids = representation.ids
        rules = next((found for bench in sets if (found := rules_that_join([load_panel(bench.name).ids, ids]))), ())
        if rules:
            raise InputError(
                f"{path}: its ids, such as {ids[0]!r}, meet those of the benchmark with "
                f"{' '.join(f'--ids {rule}' for rule in rules)}"
            )
        kinds = "; ".join(f"{bench.domain}: load_dataset({bench.name!r}, n={bench.samples})" for bench in sets)
        raise InputError(
            f"{path}: none of its {len(ids)} ids, such as {ids[0]!r}, is in a set of the benchmark "
            f"{'out of' if role == 'out' else 'in'} distribution. Embed the samples that hyle.zoo loads in Python "
            f"({kinds}) and keep their ids"
        )
    return representation, best
