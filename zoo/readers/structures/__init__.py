"""Readers of crystals and molecules in 3D, with their charge, spin, energy and forces."""

from .atoms import atoms_row as atoms_row
from .atoms import need_ase as need_ase
from .charge import charge_and_spin as charge_and_spin
from .contacts import contact as contact
from .energy import NO_ENERGY as NO_ENERGY
from .vasp_names import VASP_NAMES as VASP_NAMES
from .vasp_names import vasp_kind as vasp_kind
from .vasp_names import vasp_label as vasp_label
