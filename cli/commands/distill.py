"""Distil models into a small one that becomes a model of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import (
    Dataset,
    ModelCard,
    Representation,
    Sample,
    Store,
    check_name,
    list_datasets,
    list_models,
    register,
    registered,
    registered_dir,
)

from .._console import progress_bar, say
from .._options import Draw, dataset_options, json_option, json_text, print_json, split, store_option
from ..sources import find_representations
from ..student_card import evaluate, print_card
from ..tables import write_atomically

if TYPE_CHECKING:
    from hyle.engine.training import Distilled, Settings

# Shares of the samples: to judge the student at the end, and to stop by; the second of so many at most.
TEST, VALIDATION, STOP_BY = 0.2, 0.1, 512
FEWEST = 100


@dataclass(frozen=True)
class Parts:
    """The samples of a distillation; those of one string or sequence are all in one part.

    Args:
        train: to train on.
        validation: to stop by.
        test: to judge by, which training never sees.
        dropped: id -> why the student cannot read that sample.
    """

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]
    dropped: Mapping[str, str]


def parts(samples: Sequence[Sample], seed: int) -> Parts:
    """Draw the three parts."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.smiles or sample.selfies or sample.sequence or sample.id, []).append(sample)
    order = np.random.default_rng(seed).permutation(len(groups))
    drawn = [sample for place in order for sample in list(groups.values())[place]]
    test = round(TEST * len(drawn))
    stop = test + min(round(VALIDATION * len(drawn)), STOP_BY)
    return Parts(drawn[stop:], drawn[test:stop], drawn[:test], {})


def readable(drawn: Parts, unsupported: Callable[[Sample], str | None]) -> Parts:
    """Leave out what the student cannot read, and say why."""
    every = (*drawn.train, *drawn.validation, *drawn.test)
    dropped = {sample.id: reason for sample in every if (reason := unsupported(sample)) is not None}

    def kept(part: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in part if sample.id not in dropped]

    return Parts(kept(drawn.train), kept(drawn.validation), kept(drawn.test), dropped)


def distill(
    teachers: Sequence[Representation],
    dataset: Dataset,
    name: str,
    *,
    student: str,
    settings: Settings,
    width: int | None = None,
    label: str | None = None,
    label_samples: int | None = None,
    folder: Path | None = None,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> tuple[ModelCard, Parts, Distilled]:
    """Train a student on the rows of its teachers and register it.

    Args:
        teachers: of samples of the data set, joined by id.
        dataset: the samples, with the view that the student reads.
        name: how the new model is called.
        student: see `hyle.zoo.students.find_student`.
        settings: how to train.
        width: of the student's rows; default that of the widest teacher, 512 at most.
        label: of the data set, to learn as well.
        label_samples: how many of the samples trained on may show theirs; default all.
        folder: for checkpoints; default none are kept.
        progress: see `hyle.engine.training.distil`.

    Returns:
        The card of the new model, the parts of the samples, and what training gave.

    Raises:
        ValueError: too few samples in common, no such view, label, student or loss.
    """
    from flax import nnx
    from safetensors.numpy import save_file

    from hyle.engine import save_history
    from hyle.engine.training import distil
    from hyle.zoo.students import find_student, split_params

    made = find_student(student)
    if made.view not in dataset.views:
        raise ValueError(f"{student} reads {made.view}, which {dataset.name} does not have: choose another --student")
    if label is not None and label not in dataset.units and not any(label in s.labels for s in dataset):
        has = ", ".join(dataset.units) or "none"
        raise ValueError(f"{dataset.name} has no label {label!r}; it has: {has}")
    tables = [{id_: row for row, id_ in enumerate(teacher.ids)} for teacher in teachers]
    common = [sample for sample in dataset if all(sample.id in table for table in tables)]
    if len(common) < FEWEST:
        raise ValueError(
            f"{len(common)} samples have rows of {', '.join(t.name for t in teachers)}, and {FEWEST} are needed: embed "
            "the same samples first, by hyle embed with the same --dataset, -n and --seed"
        )
    drawn = parts(common, settings.seed)
    options = made.fit(drawn.train)
    width = width or min(512, max(int(teacher.embedding.shape[1]) for teacher in teachers))
    network = made(width, rngs=nnx.Rngs(settings.seed), **options)
    drawn = readable(drawn, network.unsupported)
    seen = [*drawn.train, *drawn.validation]
    rows = {
        teacher.name: np.asarray(teacher.embedding, np.float32)[[table[sample.id] for sample in seen]]
        for teacher, table in zip(teachers, tables, strict=True)
    }
    labels = None
    if label is not None:
        labels = np.array([sample.labels.get(label, np.nan) for sample in seen], np.float64)
        if label_samples is not None:
            labels[label_samples : len(drawn.train)] = np.nan
    apply, params = split_params(network)
    found = distil(
        apply,
        params,
        network.featurise(seen),
        rows,
        held_out=np.arange(len(seen)) >= len(drawn.train),
        labels=labels,
        settings=settings,
        folder=folder,
        progress=progress,
    )
    card = _card(name, made, student, width, options, teachers, dataset, len(drawn.train), found)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "params.safetensors"
        save_file({key: np.asarray(value) for key, value in found.params.items()}, path)
        card = register(card, {"params": path})
    save_history(found.history, registered_dir() / name / "history.nc")
    return card, drawn, found


def _card(
    name: str,
    made: Any,
    student: str,
    width: int,
    options: Mapping[str, Any],
    teachers: Sequence[Representation],
    dataset: Dataset,
    n: int,
    found: Distilled,
) -> ModelCard:
    cards = {card.name: card for card in list_models()}
    known = [cards[str(t.recipe["model"])] for t in teachers if t.recipe.get("model") in cards]
    names = ", ".join(teacher.name for teacher in teachers)
    builtin = [info.known_as for info in list_datasets() if info.name == dataset.name and info.known_as]
    return ModelCard(
        name=name,
        # A student and its teacher are not independent.
        family=known[0].family if known else name,
        modality=made.modality,
        view=made.view,
        architecture=made.architecture,
        parameters=sum(int(np.size(value)) for value in found.params.values()),
        dim=width,
        training_data=f"{n:,} samples of {dataset.name} as {names} {'see' if len(teachers) > 1 else 'sees'} them",
        trained_on=builtin,
        licence="not stated; that of its teachers and its data may bind it",
        citation="; ".join(dict.fromkeys(card.citation for card in known)),
        adapter="hyle.zoo.adapters.student:Student",
        layers=("rows",),
        pooling="none",
        batch_size=256,
        domains=(dataset.domain,),
        notes=f"Distilled from {names} by hyle distill; step {found.step}.",
        options={"student": student, "width": width, "options": dict(options)},
        requirements=("flax>=0.12",),
        torch=False,
    )


def parse_losses(text: str) -> dict[str, float]:
    """Read ``cka=1,soft_neighbour=0.5``; a name alone has the weight 1.

    Raises:
        ValueError: a weight that is no positive number.
    """
    found = {}
    for part in split(text) or []:
        name, _, weight = part.partition("=")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            raise ValueError(f"--loss {part}: the weight {weight!r} is no number") from None
        if not 0 < found[name] < float("inf"):
            raise ValueError(f"--loss {part}: a weight is above 0; leave the loss out for none")
    return found


@click.command()
@click.argument("teachers", nargs=-1, required=True)
@click.option(
    "--student",
    help="smiles-transformer, atoms-invariant, fingerprint-mlp, or MODULE:CLASS. "
    "[default: smiles-transformer, of samples without SMILES atoms-invariant]",
)
@click.option("--name", help="How the new model is called. [default: student-of-TEACHER]")
@dataset_options(default_n=500)
@click.option("--layer", help="Of what is stored of the teachers, take this layer.")
@click.option("--pooling", help="Of what is stored of the teachers, take this pooling.")
@click.option("--loss", default="cka=1,cosine=1", show_default=True, help="Losses of alignment and their weights.")
@click.option("--label", help="A label of the data set to learn as well, read linearly from the student's rows.")
@click.option("--label-samples", type=click.IntRange(2), help="Show the labels of so many samples only. [default: all]")
@click.option("--width", type=click.IntRange(2), help="Of the student's rows. [default: the teacher's, 512 at most]")
@click.option("--steps", type=click.IntRange(1), default=2000, show_default=True, help="Steps at most.")
@click.option("--batch-size", type=click.IntRange(4), default=256, show_default=True, help="Samples of a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True)
@click.option("--every", type=click.IntRange(1), default=100, show_default=True, help="Steps between checkpoints.")
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Checkpoints without a better alignment held out after which to stop; 0 for never.",
)
@click.option("--training-seed", type=click.IntRange(0), default=0, show_default=True, help="Of parts and training.")
@click.option("--restart", is_flag=True, help="Forget an interrupted run of this name.")
@click.option("--replace", is_flag=True, help="Take the place of a student of this name.")
@store_option
@json_option
def command(
    teachers: tuple[str, ...],
    student: str | None,
    name: str | None,
    draw: Draw,
    layer: str | None,
    pooling: str | None,
    loss: str,
    label: str | None,
    label_samples: int | None,
    width: int | None,
    steps: int,
    batch_size: int,
    learning_rate: float,
    every: int,
    patience: int,
    training_seed: int,
    restart: bool,
    replace: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Train a small model to see samples as TEACHERS do, and register it as a model of its own.

    TEACHERS are embedded models or files of embeddings, as `hyle compare` takes them. Interrupted, the same command
    goes on from the last checkpoint. A fifth of the samples is held out and judges the student at the end.

    \b
    hyle embed aimnet2 -n 4000
    hyle distill aimnet2 -n 4000             then: hyle embed student-of-aimnet2 --dataset mine.smi
    hyle distill aimnet2 minimol -n 4000 --student atoms-invariant --name mine
    hyle distill aimnet2 -n 4000 --label gap --label-samples 100
    """
    from hyle.engine.training import Settings

    settings = Settings(
        losses=parse_losses(loss),
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        every=every,
        patience=patience,
        seed=training_seed,
    )
    name = name or "student-of-" + "-".join(Path(teacher).stem.replace("@", "-") for teacher in teachers)
    check_name(name)
    folder = registered_dir() / f".{name}.training"
    if name in registered() and not replace and not folder.exists():
        raise ValueError(f"there is a model {name} already: choose another --name, or --replace it")
    data = draw.load()
    store = Store(store_path)
    exact = f"{data.name}-{data.version}"
    stored = {entry.key.dataset for entry in store.list()}
    found = find_representations(
        teachers, store, dataset=exact if exact in stored else data.name, layer=layer, pooling=pooling
    )
    chosen = student or ("smiles-transformer" if "smiles" in data.views else "atoms-invariant")
    if restart:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        say(f"{name} was interrupted: going on from its last checkpoint; --restart forgets it")
    with progress_bar(name, steps) as update:
        card, drawn, distilled = distill(
            found,
            data,
            name,
            student=chosen,
            settings=settings,
            width=width,
            label=label,
            label_samples=label_samples,
            folder=folder,
            progress=lambda step, values: update(
                step, f"loss {values['loss']:.3f}  alignment {values['alignment']:.3f}"
            ),
        )
    say(f"{name}: {distilled.stopped}; the parameters of step {distilled.step} are kept")
    result = evaluate(card, found, data, drawn, distilled, label=label)
    home = registered_dir() / name
    write_atomically(home / "result.json", json_text(result).encode())
    shutil.rmtree(folder, ignore_errors=True)  # not before: killed until here, the same command goes on
    if as_json:
        print_json(result)
    else:
        print_card(result)
    say(f"use it: hyle embed {name} --dataset ...; its curves: hyle report {home / 'history.nc'}")
