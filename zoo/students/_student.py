"""The base class of students: a Flax NNX module, and the conversion of samples to its input arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np
from flax import nnx

if TYPE_CHECKING:
    from ..base import Sample

Arrays = dict[str, np.ndarray]


class Student(nnx.Module):
    """A network that maps samples to embedding rows; subclass it to define a custom student.

    Class attributes: ``view``, the view of a sample that the student reads, and ``architecture`` and ``modality``, as
    in a `hyle.zoo.ModelCard`. ``__init__(self, width, *, rngs, **options)`` builds a student with rows of the given
    width; options are JSON data, stored in its card.
    """

    view: ClassVar[str] = "smiles"
    modality: ClassVar[str] = "string"
    architecture: ClassVar[str] = "unconstrained"

    def __init__(self, width: int, *, rngs: nnx.Rngs, **options: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define __init__(self, width, *, rngs)")

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> dict[str, Any]:
        """Return the options that depend on the training samples, such as the length of the longest one."""
        return {}

    def unsupported(self, sample: Sample) -> str | None:
        """Return why this sample is not supported, or None if it is."""
        return None

    @abstractmethod
    def featurise(self, samples: Sequence[Sample]) -> Arrays:
        """Convert b supported samples to arrays [b, ...] whose other axes have fixed lengths."""

    @abstractmethod
    def __call__(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Return rows [b, width] for the arrays of b samples."""


def split_params(student: Student) -> tuple[Callable[[Any, Any], jax.Array], dict[str, Any]]:
    """Return a student as a pure function of (parameters, inputs), and its parameters, name -> array."""
    graph, *states = nnx.split(student, nnx.Param, ...)
    params, rest = states
    flat: Any = nnx.to_flat_state(params)
    paths = {"/".join(map(str, path)): path for path, _ in flat}
    values = {"/".join(map(str, path)): leaf[...] for path, leaf in flat}

    def apply(values: Mapping[str, Any], inputs: Any) -> jax.Array:
        leaves = [(paths[name], nnx.Param(value)) for name, value in values.items()]
        return nnx.merge(graph, nnx.from_flat_state(leaves), rest)(inputs)

    return apply, values


def up_to(size: int, step: int) -> int:
    """Round size up to a multiple of step, so that few array shapes occur."""
    return -(-size // step) * step
