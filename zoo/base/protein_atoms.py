"""All atoms of a protein chain, an optional view of a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ProteinAtoms:
    """The atoms of the observed residues of a protein chain, in file order.

    Args:
        sequence: letter of each residue, X if unknown.
        residues: int32 [atoms], number of the residue of each atom, counted from 0, ascending.
        names: name of each atom, such as ``CA``; those of deuterium begin with H.
        numbers: uint8 [atoms], atomic numbers, 0 for unknown elements. A file of a crystal structure usually has no
            hydrogen atoms.
        positions: float64 [atoms, 3], in Angstrom.
        b_factors: float32 [atoms], in square Angstrom; predicted structures have confidences from 0 to 100 instead.
        segment: numbers of the first residue of the view ``backbone`` and of the one after its last.
    """

    sequence: str
    residues: np.ndarray
    names: Sequence[str]
    numbers: np.ndarray
    positions: np.ndarray
    b_factors: np.ndarray
    segment: tuple[int, int]

    def __len__(self) -> int:
        """Return the number of atoms."""
        return len(self.names)

    def update_hash(self, digest: hashlib._Hash) -> None:
        """Update a running hash with everything that a model can read."""
        import numpy as np

        digest.update(f"{self.sequence};{','.join(self.names)};{self.segment};".encode())
        for array, dtype in (
            (self.residues, "<i4"),
            (self.numbers, "u1"),
            (self.positions, "<f8"),
            (self.b_factors, "<f4"),
        ):
            digest.update(np.asarray(array, dtype).tobytes())
