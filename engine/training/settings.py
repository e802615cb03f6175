"""Settings of a distillation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

import jax

from .. import losses
from ..base import InputError

Select = Literal["label", "alignment", "last"]
LOSSES: Mapping[str, Callable[..., jax.Array]] = {
    "cka": losses.cka_loss,
    "cka_rbf": partial(losses.cka_loss, kernel="rbf"),
    "cknna": losses.cknna_loss,
    "soft_neighbour": losses.soft_neighbour_loss,
    "distance_correlation": losses.distance_correlation_loss,
    "relational": losses.relational_loss,
    "information_imbalance": losses.information_imbalance_loss,
    "cosine": losses.cosine_loss,
}


@dataclass(frozen=True)
class Settings:
    """Settings of a distillation.

    Args:
        losses: name, one of `LOSSES`, -> weight; each loss is summed over the teachers. ``cosine`` trains a linear
            projector to each teacher, whose columns are standardised.
        label_weight: of the mean squared error of the standardised label, read out linearly from the student's rows.
        steps: maximal number of steps.
        batch_size: number of rows of a step, and of additional labelled rows; all rows where there are fewer.
        learning_rate: peak of the AdamW schedule: linear warm-up over the first twentieth of the steps, then cosine
            decay.
        eval_every: number of steps between two measurements on the validation samples; each is also a checkpoint.
        patience: number of measurements without an improvement of what ``select`` names after which training stops; 0
            for never.
        seed: of the batches and the initial projectors.
        select: which parameters to keep: ``label``, those with the smallest error of the label on the validation
            samples; ``alignment``, those with the highest CKA with the teachers there; ``last``, those of the last
            step, without early stopping. Default: ``label`` where a label is learned, since the best alignment often
            comes before the smallest error; otherwise ``alignment``.

    Raises:
        ValueError: an unknown loss or choice of parameters, or a number that is too small.
    """

    losses: Mapping[str, float] = field(default_factory=lambda: {"cka": 1.0})
    label_weight: float = 1.0
    steps: int = 2000
    batch_size: int = 256
    learning_rate: float = 1e-3
    eval_every: int = 100
    patience: int = 10
    seed: int = 0
    select: Select | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.losses if name not in LOSSES]
        if unknown:
            raise InputError(f"no loss is called {unknown[0]!r}: use {', '.join(LOSSES)}")
        if self.select is not None and self.select not in get_args(Select):
            raise InputError(f"select={self.select!r}: use {', '.join(get_args(Select))}")
        if self.select == "alignment" and not self.losses:
            raise InputError("select='alignment' needs an alignment loss: use 'label' or 'last' without one")
        for name, least in (("steps", 1), ("batch_size", 4), ("eval_every", 1), ("patience", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)}: use {least} or more")

    def selected_by(self, *, labelled: bool) -> Select:
        """Return what the kept parameters are selected by.

        Args:
            labelled: whether a label is learned.

        Raises:
            ValueError: ``label``, and no label is learned.
        """
        if self.select == "label" and not labelled:
            raise InputError("select='label' needs labels: give some, or use 'alignment' or 'last'")
        return self.select or ("label" if labelled else "alignment")
