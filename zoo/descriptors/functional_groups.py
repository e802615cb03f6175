"""The functional groups of RDKit, `rdkit.Chem.Fragments`, in words that say what their patterns match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .descriptor import Fact, has

# Where the description of RDKit is narrower than its SMARTS pattern, such as that of fr_NH0, "tertiary amines", which
# matches every nitrogen without hydrogen, the words here follow the pattern.
FUNCTIONAL_GROUPS: Mapping[str, str] = {
    "fr_Al_COO": "an aliphatic carboxylic acid",
    "fr_Al_OH": "an aliphatic hydroxyl group",
    "fr_Ar_COO": "an aromatic carboxylic acid",
    "fr_Ar_N": "an aromatic nitrogen",
    "fr_Ar_NH": "an aromatic NH",
    "fr_Ar_OH": "an aromatic hydroxyl group",
    "fr_COO": "a carboxylic acid",
    "fr_C_O": "a carbonyl group",
    "fr_C_O_noCOO": "a carbonyl group that is no carboxylic acid",
    "fr_C_S": "a thiocarbonyl group",
    "fr_Imine": "an imine",
    "fr_NH0": "a nitrogen without hydrogen",
    "fr_NH1": "an NH group",
    "fr_NH2": "an NH2 group",
    "fr_N_O": "a hydroxylamine group",
    "fr_SH": "a thiol group",
    "fr_aldehyde": "an aldehyde",
    "fr_alkyl_carbamate": "an alkyl carbamate",
    "fr_alkyl_halide": "an alkyl halide",
    "fr_amide": "a C(=O)-N bond",
    "fr_amidine": "an amidine group",
    "fr_aniline": "an aniline nitrogen",
    "fr_azide": "an azide",
    "fr_azo": "an azo group",
    "fr_barbitur": "a barbiturate group",
    "fr_benzene": "a benzene ring",
    "fr_benzodiazepine": "a benzodiazepine",
    "fr_bicyclic": "fused or bridged rings",
    "fr_diazo": "a diazo or diazonium group",
    "fr_dihydropyridine": "a dihydropyridine",
    "fr_epoxide": "an epoxide",
    "fr_ester": "an ester",
    "fr_ether": "an oxygen between two carbons",
    "fr_furan": "a furan ring",
    "fr_guanido": "a guanidine group",
    "fr_halogen": "a halogen",
    "fr_hdrzine": "a hydrazine group",
    "fr_hdrzone": "a hydrazone",
    "fr_imidazole": "an imidazole ring",
    "fr_imide": "an imide",
    "fr_isocyan": "an isocyanate",
    "fr_isothiocyan": "an isothiocyanate",
    "fr_ketone": "a ketone",
    "fr_lactam": "a beta-lactam",
    "fr_lactone": "a lactone",
    "fr_methoxy": "a methoxy group",
    "fr_morpholine": "a morpholine ring",
    "fr_nitrile": "a nitrile",
    "fr_nitro": "a nitro group",
    "fr_nitro_arom": "a nitro group on a benzene ring",
    "fr_nitroso": "a nitroso group",
    "fr_oxazole": "an oxazole ring",
    "fr_oxime": "an oxime",
    "fr_phenol": "a phenol",
    "fr_phos_acid": "a phosphoric acid group",
    "fr_phos_ester": "a phosphoric ester",
    "fr_piperdine": "a piperidine ring",
    "fr_piperzine": "a piperazine ring",
    "fr_priamide": "a primary amide",
    "fr_prisulfonamd": "a primary sulfonamide",
    "fr_pyridine": "a pyridine ring",
    "fr_quatN": "a quaternary nitrogen",
    "fr_sulfide": "a thioether",
    "fr_sulfonamd": "a sulfonamide",
    "fr_sulfone": "a sulfone",
    "fr_term_acetylene": "a terminal alkyne",
    "fr_tetrazole": "a tetrazole ring",
    "fr_thiazole": "a thiazole ring",
    "fr_thiocyan": "a thiocyanate",
    "fr_thiophene": "a thiophene ring",
    "fr_unbrch_alkane": "an unbranched chain of four carbons or more",
    "fr_urea": "a urea group",
}
# The same pattern as another one, or a site of metabolism rather than a group that a chemist would name.
OMITTED = (
    "fr_COO2",
    "fr_Nhpyrrole",
    "fr_Al_OH_noTert",
    "fr_ArN",
    "fr_HOCCN",
    "fr_Ndealkylation1",
    "fr_Ndealkylation2",
    "fr_allylic_oxid",
    "fr_aryl_methyl",
    "fr_ketone_Topliss",
    "fr_nitro_arom_nonortho",
    "fr_para_hydroxylation",
    "fr_phenol_noOrthoHbond",
)
_PROPERTIES = {
    code: has(words, f"the pattern {code} of rdkit.Chem.Fragments matches") for code, words in FUNCTIONAL_GROUPS.items()
}


def functional_groups(mol: Any) -> Iterator[Fact]:
    """Yield the functional groups that an RDKit molecule has."""
    from rdkit.Chem import Fragments

    for code, prop in _PROPERTIES.items():
        if getattr(Fragments, code)(mol):
            yield prop, 1.0
