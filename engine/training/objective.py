"""What a distillation minimises, and what it trains on top of the student: a readout and projectors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .settings import LOSSES, Settings


def initial_heads(width: int, teachers: Mapping[str, np.ndarray], settings: Settings) -> dict[str, Any]:
    """Initialise what training adds to the student: a readout of the label and, for the cosine loss, projectors."""
    rng = np.random.default_rng([settings.seed, width])
    heads: dict[str, Any] = {"readout": {"weight": np.zeros(width, np.float32), "bias": np.zeros((), np.float32)}}
    if "cosine" in settings.losses:
        heads["projectors"] = {
            name: (rng.normal(size=(width, teacher.shape[1])) / width**0.5).astype(np.float32)
            for name, teacher in teachers.items()
        }
    return heads


def objective(apply: Any, settings: Settings, train_params: Any, batch: Any, labelled: Any) -> jax.Array:
    """Compute the weighted sum of the losses over the teachers, and of the squared error of the readout."""
    loss = jnp.zeros(())
    if settings.losses:
        student = apply(train_params["student"], batch["inputs"])
        for name, weight in settings.losses.items():
            for teacher_name, teacher in batch["standardised" if name == "cosine" else "teachers"].items():
                options = {}
                if name == "cosine":
                    options["projector"] = partial(_project, train_params["projectors"][teacher_name])
                loss += weight * LOSSES[name](student, teacher, **options)
    if labelled is not None:
        inputs, labels = labelled
        predicted = read(train_params["readout"], apply(train_params["student"], inputs))
        loss += settings.label_weight * ((predicted - labels) ** 2).mean()
    return loss


def read(readout: Mapping[str, Any], rows: Any) -> jax.Array:
    """Predict standardised labels [b] from student rows [b, d]."""
    return rows @ readout["weight"] + readout["bias"]


def _project(weight: jax.Array, rows: jax.Array) -> jax.Array:
    return rows @ weight
