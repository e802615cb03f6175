"""Students trained by ``hyle distill``: Flax NNX networks in JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import nnx
from safetensors.numpy import load_file

from ..adapter import Adapter, Output
from ..base import InputError
from ..students import find_student, split_params

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class Student(Adapter):
    """A trained student.

    Options:
        student: name of the student, or ``module:Class``.
        width: width of its rows.
        options: arguments with which it was built.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        student_class = find_student(card.options["student"])
        self.student = student_class(card.options["width"], rngs=nnx.Rngs(0), **card.options["options"])
        apply, params = split_params(self.student)
        trained = load_file(files["params"])
        if {name: value.shape for name, value in trained.items()} != {name: v.shape for name, v in params.items()}:
            student = card.options["student"]
            raise InputError(f"{card.name}: its parameters do not match the student {student}: distil it again")
        self._apply = jax.jit(lambda inputs: apply(trained, inputs))

    def unsupported(self, sample: Sample) -> str | None:
        """Return why the student does not support a sample, or None if it does."""
        return self.student.unsupported(sample)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return one row per sample. Batches are padded to a power of two, so that few shapes are compiled."""
        inputs = self.student.featurise(samples)
        size = 1 << (len(samples) - 1).bit_length()
        padded = {name: np.concatenate([v, np.repeat(v[-1:], size - len(v), 0)]) for name, v in inputs.items()}
        return Output(np.asarray(self._apply(padded))[: len(samples)])
