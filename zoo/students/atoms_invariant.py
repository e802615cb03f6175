"""A network on the interatomic distances of a molecule, invariant to rotation and translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ._student import Arrays, Student, up_to

if TYPE_CHECKING:
    from ..base import Sample

ELEMENTS = 119


class AtomsInvariant(Student):
    """Continuous-filter convolutions over all pairs of atoms within a cutoff, and the mean over atoms.

    Args:
        width: width of the rows.
        atoms: maximum number of atoms.
        hidden: width of the atom features.
        layers: number of convolution layers.
        waves: number of Gaussian basis functions of a distance.
        cutoff: in Angstrom; atoms at larger distances do not interact.
        rngs: random streams for the parameters.

    Source: after SchNet, Schütt et al. (2018), J. Chem. Phys. 148, 241722, with filters linear in the Gaussians.
    """

    view, modality, architecture = "atoms", "atoms", "invariant"

    def __init__(
        self,
        width: int,
        *,
        rngs: nnx.Rngs,
        atoms: int = 32,
        hidden: int = 64,
        layers: int = 3,
        waves: int = 20,
        cutoff: float = 5.0,
    ) -> None:
        self.atoms, self.waves, self.cutoff = atoms, waves, cutoff
        self.elements = nnx.Embed(ELEMENTS, hidden, rngs=rngs)
        self.layers = nnx.List([Convolution(hidden, waves, rngs) for _ in range(layers)])
        self.out = nnx.Linear(hidden, width, rngs=rngs)

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> dict[str, Any]:
        """Set the maximum number of atoms from the largest molecule."""
        return {"atoms": up_to(max(len(sample.view("atoms")) for sample in samples), 4)}

    def unsupported(self, sample: Sample) -> str | None:
        """Reject crystals, elements outside the table, and molecules larger than those in the training set."""
        atoms = sample.view("atoms")
        if atoms.pbc.any():
            return "periodic; this student reads only molecules"
        if len(atoms) > self.atoms:
            return f"more than {self.atoms} atoms, the largest number in the training set"
        return None if 0 < atoms.numbers.min() <= atoms.numbers.max() < ELEMENTS else "an invalid atomic number"

    def featurise(self, samples: Sequence[Sample]) -> Arrays:
        """Return ``numbers`` uint8 [b, atoms], padded with 0, and ``positions`` float32 [b, atoms, 3] in Angstrom."""
        numbers = np.zeros((len(samples), self.atoms), np.uint8)
        positions = np.zeros((len(samples), self.atoms, 3), np.float32)
        for row, sample in enumerate(samples):
            atoms = sample.view("atoms")
            numbers[row, : len(atoms)] = atoms.numbers
            positions[row, : len(atoms)] = atoms.positions - atoms.positions.mean(0)
        return {"numbers": numbers, "positions": positions}

    def __call__(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Return rows [b, width]."""
        numbers, positions = jnp.asarray(inputs["numbers"], jnp.int32), jnp.asarray(inputs["positions"])
        real = numbers > 0
        square = ((positions[:, :, None] - positions[:, None]) ** 2).sum(-1)
        pairs = real[:, :, None] & real[:, None] & ~jnp.eye(self.atoms, dtype=bool) & (square < self.cutoff**2)
        distances = jnp.sqrt(jnp.where(pairs, square, 1))
        centres = jnp.linspace(0.5, self.cutoff, self.waves)
        precision = (self.waves / self.cutoff) ** 2
        envelope = jnp.where(pairs, (jnp.cos(jnp.pi * distances / self.cutoff) + 1) / 2, 0)
        waves = jnp.exp(-precision * (distances[..., None] - centres) ** 2) * envelope[..., None]
        x = self.elements(numbers)
        for layer in self.layers:
            x = layer(x, waves)
        mean = jnp.where(real[..., None], x, 0).sum(1) / jnp.maximum(real.sum(1, keepdims=True), 1)
        return self.out(mean)


class Convolution(nnx.Module):
    """A convolution over the neighbours of each atom, with filters that depend on the distance."""

    def __init__(self, hidden: int, waves: int, rngs: nnx.Rngs) -> None:
        self.filters = nnx.Linear(waves, hidden, use_bias=False, rngs=rngs)
        self.inner, self.up, self.down = (nnx.Linear(hidden, hidden, rngs=rngs) for _ in range(3))

    def __call__(self, x: jax.Array, waves: jax.Array) -> jax.Array:
        """Return [b, atoms, hidden]."""
        messages = jnp.einsum("bijf,bjf->bif", self.filters(waves), self.inner(x))
        return x + self.down(nnx.silu(self.up(messages)))
