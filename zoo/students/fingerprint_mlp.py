"""A small network on Morgan fingerprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ._student import Arrays, Student

if TYPE_CHECKING:
    from ..base import Sample


class FingerprintMLP(Student):
    """Two hidden layers on log(1 + Morgan counts).

    Args:
        width: width of the rows.
        bits: length of the fingerprint.
        radius: radius of the fingerprint, in bonds from the central atom.
        hidden: width of the hidden layers.
        rngs: random streams for the parameters.
    """

    view, modality = "smiles", "graph"

    def __init__(self, width: int, *, rngs: nnx.Rngs, bits: int = 2048, radius: int = 2, hidden: int = 256) -> None:
        self.bits, self.radius = bits, radius
        self.first = nnx.Linear(bits, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, width, rngs=rngs)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        from ..base import unreadable

        return unreadable(sample.view("smiles"))

    def featurise(self, samples: Sequence[Sample]) -> Arrays:
        """Return ``counts`` uint8 [b, bits]."""
        from rdkit.Chem import rdFingerprintGenerator

        from ..base import molecule

        generator = rdFingerprintGenerator.GetMorganGenerator(radius=self.radius, fpSize=self.bits)
        rows = [generator.GetCountFingerprintAsNumPy(molecule(sample.view("smiles"))) for sample in samples]
        return {"counts": np.minimum(np.stack(rows), 255).astype(np.uint8)}

    def __call__(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Return rows [b, width]."""
        x = jnp.log1p(jnp.asarray(inputs["counts"], jnp.float32))
        return self.out(nnx.silu(self.second(nnx.silu(self.first(x)))))
