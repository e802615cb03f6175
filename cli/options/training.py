"""Options of a distillation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hyle.zoo import InputError

from .common import option_group, renamed_option, split

if TYPE_CHECKING:
    from hyle.engine.training import Select, Settings


@dataclass(frozen=True)
class TeacherSelection:
    """Which stored embeddings of the teachers to use, where a teacher has several: the values of `teacher_options`.

    Args:
        layer: the layer; None where only one is stored.
        pooling: the pooling; None where only one is stored.
    """

    layer: str | None = None
    pooling: str | None = None


teacher_options = option_group(
    TeacherSelection,
    "selection",
    click.option("--layer", help="Use the teachers' stored embeddings of this layer."),
    click.option("--pooling", help="Use the teachers' stored embeddings of this pooling."),
)


def parse_losses(text: str) -> dict[str, float]:
    """Parse losses and their weights, such as ``cka=1,soft_neighbour=0.5``; the weight is 1 by default.

    Raises:
        InputError: a weight that is not a positive number.
    """
    losses = {}
    for part in split(text) or []:
        name, _, weight = part.partition("=")
        try:
            losses[name] = float(weight or 1)
        except ValueError:
            raise InputError(f"--loss {part}: the weight {weight!r} is not a number") from None
        if not 0 < losses[name] < float("inf"):
            raise InputError(f"--loss {part}: a weight must be positive and finite; omit a loss that you do not want")
    return losses


def training_settings(
    losses: Mapping[str, float],
    steps: int,
    batch_size: int,
    learning_rate: float,
    eval_every: int,
    patience: int,
    training_seed: int,
    select: Select | None,
) -> Settings:
    """Return the values of `training_options` as `hyle.engine.training.Settings`, which are imported only here."""
    from hyle.engine.training import Settings

    return Settings(
        losses=losses,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        eval_every=eval_every,
        patience=patience,
        seed=training_seed,
        select=select,
    )


training_options = option_group(
    training_settings,
    "settings",
    click.option(
        "--loss",
        "losses",
        default="cka=1,cosine=1",
        show_default=True,
        callback=lambda _context, _option, value: parse_losses(value),
        help="Alignment losses and their weights, comma-separated: cka, cka_rbf, cknna, soft_neighbour, "
        "distance_correlation, relational, information_imbalance, cosine.",
    ),
    click.option(
        "--steps",
        type=click.IntRange(1),
        default=2000,
        show_default=True,
        help="Maximum number of training steps; may be changed when an interrupted run is continued.",
    ),
    click.option(
        "--batch-size", type=click.IntRange(4), default=256, show_default=True, help="Number of samples per step."
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        default=1e-3,
        show_default=True,
        help="Peak learning rate of AdamW.",
    ),
    renamed_option(
        "--eval-every",
        old="--every",
        type=click.IntRange(1),
        default=100,
        show_default=True,
        help="Number of steps between evaluations on the validation samples, each of which saves a checkpoint.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(0),
        default=10,
        show_default=True,
        help="Stop after this many evaluations without an improvement of what --select names; 0 never stops early.",
    ),
    click.option(
        "--select",
        type=click.Choice(["label", "alignment", "last"]),
        help="Keep the parameters with the smallest error of the label on the validation samples, those with the best "
        "alignment there, or those of the last step, without early stopping. [default: label with --label, otherwise "
        "alignment]",
    ),
    click.option(
        "--training-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Seed of the split into training, validation and test samples, and of the training.",
    ),
)
