"""A transformer on the characters of a SMILES string."""

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

CHARACTERS = 128  # ASCII; 0 is padding


class SmilesTransformer(Student):
    """Character and position embeddings, pre-norm attention blocks, the mean over characters, and a linear layer.

    Args:
        width: width of the rows.
        length: maximum number of characters.
        hidden: width of the character features.
        blocks: number of attention blocks.
        heads: number of attention heads.
        rngs: random streams for the parameters.
    """

    view = "smiles"

    def __init__(
        self, width: int, *, rngs: nnx.Rngs, length: int = 64, hidden: int = 96, blocks: int = 2, heads: int = 4
    ) -> None:
        self.length = length
        self.characters = nnx.Embed(CHARACTERS, hidden, rngs=rngs)
        self.places = nnx.Embed(length, hidden, rngs=rngs)
        self.blocks = nnx.List([Block(hidden, heads, rngs) for _ in range(blocks)])
        self.last = nnx.LayerNorm(hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, width, rngs=rngs)

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> dict[str, Any]:
        """Set the maximum length from the longest string."""
        return {"length": up_to(max(len(sample.view("smiles")) for sample in samples), 8)}

    def unsupported(self, sample: Sample) -> str | None:
        """Reject strings that are empty, not ASCII, or longer than those in the training set."""
        text = sample.view("smiles")
        if not text or not text.isascii():
            return "empty, or not ASCII"
        return None if len(text) <= self.length else f"longer than {self.length} characters, the maximum in training"

    def featurise(self, samples: Sequence[Sample]) -> Arrays:
        """Return ``characters`` uint8 [b, length], padded with 0."""
        texts = np.array([sample.view("smiles").encode() for sample in samples], f"S{self.length}")
        return {"characters": texts.view(np.uint8).reshape(len(samples), self.length)}

    def __call__(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Return rows [b, width]."""
        characters = jnp.asarray(inputs["characters"], jnp.int32)
        mask = characters > 0
        x = self.characters(characters) + self.places(jnp.arange(self.length))
        for block in self.blocks:
            x = block(x, mask[:, None, None, :])
        mean = jnp.where(mask[..., None], self.last(x), 0).sum(1) / jnp.maximum(mask.sum(1, keepdims=True), 1)
        return self.out(mean)


class Block(nnx.Module):
    """A pre-norm transformer block: attention and a feed-forward network, each with a residual connection."""

    def __init__(self, hidden: int, heads: int, rngs: nnx.Rngs) -> None:
        self.attention = nnx.MultiHeadAttention(heads, hidden, decode=False, rngs=rngs)
        self.before, self.between = nnx.LayerNorm(hidden, rngs=rngs), nnx.LayerNorm(hidden, rngs=rngs)
        self.up, self.down = nnx.Linear(hidden, 2 * hidden, rngs=rngs), nnx.Linear(2 * hidden, hidden, rngs=rngs)

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """Return [b, length, hidden]."""
        x = x + self.attention(self.before(x), mask=mask)
        return x + self.down(nnx.silu(self.up(self.between(x))))
