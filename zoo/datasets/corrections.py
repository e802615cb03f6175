"""Corrections that some data sets add to DFT energies, and that models trained on them have learned."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..base import MissingPackageError

if TYPE_CHECKING:
    from ase import Atoms

# Hubbard U, in eV, that the Materials Project uses for these elements in oxides and fluorides.
HUBBARD_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}


def mp2020_correction(atoms: Atoms) -> float:
    """Return the MP2020 correction of the Materials Project to the PBE / PBE+U energy of a crystal.

    Args:
        atoms: a crystal; the correction of a molecule is 0.

    Returns:
        The correction in eV for the whole cell. It is linear in the numbers of anions and of metals with a U, but only
        in some kinds of compounds, so that a linear fit of the composition does not remove it: Wang et al., Scientific
        Reports 11, 15496 (2021).

    Raises:
        ImportError: pymatgen, which implements the scheme, is not installed.
    """
    if not atoms.pbc.all():
        return 0.0
    return _correction(tuple(atoms.numbers.tolist()), atoms.positions.tobytes(), atoms.cell.array.tobytes())


# Guessing oxidation states takes seconds for a crystal of many elements, and errors of a set are computed repeatedly.
@lru_cache(maxsize=10_000)
def _correction(numbers: tuple[int, ...], positions: bytes, cell: bytes) -> float:
    from ase import Atoms

    try:
        from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
        from pymatgen.entries.computed_entries import ComputedStructureEntry
        from pymatgen.io.ase import AseAtomsAdaptor
    except ImportError as error:
        raise MissingPackageError("the MP2020 energy corrections need pymatgen: pip install pymatgen") from error
    atoms = Atoms(numbers, np.frombuffer(positions).reshape(-1, 3), cell=np.frombuffer(cell).reshape(3, 3), pbc=True)
    structure = AseAtomsAdaptor.get_structure(atoms)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about elements without an electronegativity, which have no correction
        # The same rule as in pymatgen, so that both agree on noble gases, too.
        anion = sorted(structure.composition.elements, key=lambda element: element.X)[-1].symbol
        with_u = {name: HUBBARD_U.get(name, 0.0) for name in atoms.get_chemical_symbols()}
        hubbard = with_u if anion in ("O", "F") and any(with_u.values()) else {}
        run = {"run_type": "GGA+U" if hubbard else "GGA", "is_hubbard": bool(hubbard), "hubbards": hubbard}
        entry = ComputedStructureEntry(structure, 0.0, parameters=run)
        adjustments = MaterialsProject2020Compatibility(check_potcar=False).get_adjustments(entry)
    return float(sum(adjustment.value for adjustment in adjustments))
