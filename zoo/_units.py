"""Unit conversions."""

HARTREE = 27.211386245981  # eV, CODATA 2022
