"""Distil models into a small one that becomes a model of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyle.zoo import (
    InputError,
    Store,
    check_name,
    registered,
    registered_dir,
)

from ..atomic import write_atomically
from ..console import progress_bar, say
from ..jobs import distill, evaluate, find_representations, print_card
from ..options import (
    SampleSelection,
    dataset_options,
    json_option,
    json_text,
    print_json,
    renamed_option,
    split,
    store_option,
)

if TYPE_CHECKING:
    pass


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
            raise InputError(f"--loss {part}: the weight {weight!r} is no number") from None
        if not 0 < found[name] < float("inf"):
            raise InputError(f"--loss {part}: a weight is above 0; leave the loss out for none")
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
@renamed_option(
    "--eval-every",
    old="--every",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Steps between checkpoints.",
)
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
    draw: SampleSelection,
    layer: str | None,
    pooling: str | None,
    loss: str,
    label: str | None,
    label_samples: int | None,
    width: int | None,
    steps: int,
    batch_size: int,
    learning_rate: float,
    eval_every: int,
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
        eval_every=eval_every,
        patience=patience,
        seed=training_seed,
    )
    name = name or "student-of-" + "-".join(Path(teacher).stem.replace("@", "-") for teacher in teachers)
    check_name(name)
    folder = registered_dir() / f".{name}.training"
    if name in registered() and not replace and not folder.exists():
        raise InputError(f"there is a model {name} already: choose another --name, or --replace it")
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
