"""Students that `hyle distill` trained: a Flax NNX network in JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import nnx
from safetensors.numpy import load_file

from .._adapter import Adapter, Output
from .._errors import InputError
from ..students import find_student, split_params

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


class Student(Adapter):
    """A trained student.

    Options:
        student: its name, or ``module:Class``.
        width: of its rows.
        options: what it was made with.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        made = find_student(card.options["student"])
        self.student = made(card.options["width"], rngs=nnx.Rngs(0), **card.options["options"])
        apply, params = split_params(self.student)
        found = load_file(files["params"])
        if {name: value.shape for name, value in found.items()} != {name: v.shape for name, v in params.items()}:
            raise InputError(f"{card.name}: its parameters are not those of {card.options['student']}: distil it anew")
        self._apply = jax.jit(lambda inputs: apply(found, inputs))

    def unsupported(self, sample: Sample) -> str | None:
        """Ask the student."""
        return self.student.unsupported(sample)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return one row a sample. Batches are filled up to a power of two, so that few shapes are compiled."""
        inputs = self.student.featurise(samples)
        size = 1 << (len(samples) - 1).bit_length()
        full = {name: np.concatenate([v, np.repeat(v[-1:], size - len(v), 0)]) for name, v in inputs.items()}
        return Output(np.asarray(self._apply(full))[: len(samples)])
