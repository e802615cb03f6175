"""Names of residues: which are amino acids, and their letters, and which are nucleotides or water."""

from __future__ import annotations

import re
from functools import cache

UNKNOWN = "X"
# Names in force fields, none of which are in gemmi's table, which follows the Chemical Component Dictionary. Sources:
# the residue libraries of Amber (amino12.lib), CHARMM (top_all36_prot.rtf) and GROMACS, as listed by MDAnalysis
# (ProteinSelection.prot_res and alternative_inverse_aa_codes).
_PROTONATED = {
    "ARG": "ARN ARGN",
    "ASN": "ASN1",
    "ASP": "ASH ASPH ASPP",
    "CYS": "CYM CYX CYSH CYS1 CYS2",
    "GLN": "QLN",
    "GLU": "GLH GLUH GLUP",
    "HIS": "HID HIE HIP HSD HSE HSP HISA HISB HISD HISE HISH HIS1 HIS2",
    "LYS": "LYN LSN LYSH",
    "PCA": "PGLU",
    "TYR": "TYM",
}
_BASE = {alias: name for name, aliases in _PROTONATED.items() for alias in aliases.split()}
_STANDARD = {*_PROTONATED, "ALA", "GLY", "ILE", "LEU", "MET", "PHE", "PRO", "SER", "THR", "TRP", "VAL"}
# Amber marks terminal residues by N or C in front of names of three letters.
_TERMINAL = {f"{end}{name}": _BASE.get(name, name) for end in "NC" for name in _STANDARD | {*_BASE} if len(name) == 3}
FORCE_FIELD_NAMES = _TERMINAL | _BASE
# Nucleotides of CHARMM, which are also the names of free bases, and of Amber, with 5, 3 or N at the ends.
NUCLEOTIDES = {
    *["ADE", "GUA", "CYT", "URA", "THY"],
    *(f"{s}{b}{e}" for s in ("R", "D") for b in "AGCUT" for e in ("", *"53N")),
}
SUGAR = ("C1'", "C1*")
_WIDE = re.compile(r"^((?:ATOM  |HETATM|ANISOU|TER   ).{11})(\S{4})", re.MULTILINE)


def narrow_names(text: str) -> str:
    """Replace residue names of four letters in a PDB file, such as LYSH, by those of the Protein Data Bank.

    Their fourth letter is in the column before the chain name, which some files use for chain names of two letters.
    Such a file has other amino acids as well with a letter in that column, and is not changed.
    """
    wide = {match[2] for match in _WIDE.finditer(text)}
    if not wide & FORCE_FIELD_NAMES.keys() or any(letter(name[:3]) for name in wide - FORCE_FIELD_NAMES.keys()):
        return text
    return _WIDE.sub(lambda m: m[1] + (f"{FORCE_FIELD_NAMES[m[2]]} " if m[2] in FORCE_FIELD_NAMES else m[2]), text)


@cache
def letter(name: str) -> str | None:
    """Return the letter of an amino acid, lower case if it is modified; "" for other residues, None if unknown."""
    import gemmi

    residue = gemmi.find_tabulated_residue(FORCE_FIELD_NAMES.get(name, name))
    if not residue.found():
        return None
    return (residue.one_letter_code.strip() or UNKNOWN) if residue.is_amino_acid() else ""


@cache
def kind(name: str) -> str:
    """Return what a residue is that is no amino acid: DNA, RNA, a nucleic acid, water, or its name."""
    import gemmi

    residue = gemmi.find_tabulated_residue(name)
    if residue.is_water() or name in ("SOL", "TIP", "TIP3", "TIP4", "TP3", "TP4", "SPC", "DOD"):
        return "water"
    if name in NUCLEOTIDES and not residue.found():
        return "a nucleic acid"
    return {gemmi.ResidueKind.DNA: "DNA", gemmi.ResidueKind.RNA: "RNA"}.get(residue.kind, name)
