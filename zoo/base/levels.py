"""Levels of theory of energies: which energies are of the same quantity, up to a constant for each element."""

from __future__ import annotations

from collections.abc import Mapping

# Level -> how its energies were computed. Energies are compared only within a level; corrections are a separate fact.
LEVELS: Mapping[str, str] = {
    "PBE+U/MP": "PBE, and PBE+U for oxides and fluorides of some metals, with the settings of the Materials Project",
    "PBE+U/OMat24": "the same functionals with the pseudopotentials of Open Materials 2024 (VASP 54)",
    "PBEsol": "PBEsol, as in MAD",
    "r2SCAN/MP": "r2SCAN with the settings of the Materials Project",
    "r2SCAN/MatPES": "r2SCAN with the settings of MatPES",
    "B3LYP/6-31G(2df,p)": "as in QM9",
    "PBE0+MBD": "PBE0 with many-body dispersion",
    "wB97X/6-31G*": "as in ANI-1x and ANI-2x",
    "wB97M-D3/def2-TZVPP": "as in AIMNet2",
    "wB97M-D3(BJ)/def2-TZVPPD": "as in SPICE",
    "wB97M-V/def2-TZVPD": "as in OMol25",
    "CCSD(T)*/CBS": "as in ANI-1ccx",
}
