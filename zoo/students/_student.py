"""What a student is: a Flax NNX module, and how samples become its arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np
from flax import nnx

if TYPE_CHECKING:
    from .._samples import Sample

Arrays = dict[str, np.ndarray]


class Student(nnx.Module):
    """A network from samples to rows; the one class to write for a student of one's own.

    Class attributes: ``view``, the view of a sample that it reads, and ``architecture`` and ``modality``, as in a
    `hyle.zoo.ModelCard`. ``__init__(self, width, *, rngs, **options)`` makes it for rows of a width; options are plain
    data, kept in its card.
    """

    view: ClassVar[str] = "smiles"
    modality: ClassVar[str] = "string"
    architecture: ClassVar[str] = "unconstrained"

    def __init__(self, width: int, *, rngs: nnx.Rngs, **options: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must say how it is made: __init__(self, width, *, rngs)")

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> dict[str, Any]:
        """Return the options that depend on the samples to train on, such as the length of the longest."""
        return {}

    def unsupported(self, sample: Sample) -> str | None:
        """Say why this sample cannot be read, or None where it can."""
        return None

    @abstractmethod
    def featurise(self, samples: Sequence[Sample]) -> Arrays:
        """Turn b supported samples into arrays [b, ...], whose other axes never change."""

    @abstractmethod
    def __call__(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Give rows [b, width] for the arrays of b samples."""


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
    """Return the next multiple, for arrays of few shapes."""
    return -(-size // step) * step
