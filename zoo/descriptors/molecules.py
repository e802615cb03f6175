"""Descriptors of molecules with a SMILES or SELFIES string."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..base import MissingPackageError, Sample, install_command
from .descriptor import Fact, Property, contains, has, many, share, size
from .functional_groups import functional_groups

# Scaffolds are named only if they are short enough to be read.
MAX_SCAFFOLD = 40
_RING_NAMES = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
_RINGS = {n: has(f"a{'n' * (n == 8)} {word}-membered ring", "RDKit's ring info") for n, word in _RING_NAMES.items()}
_MACROCYCLE = has("a ring of twelve atoms or more", "RDKit's ring info")

HEAVY = many("heavy atoms", "atoms other than hydrogen")
ROTATABLE = many("rotatable bonds", "rdkit.Chem.rdMolDescriptors.CalcNumRotatableBonds, strict definition")
RINGS = many("rings", "smallest set of smallest rings, RDKit's ring info")
STEREOCENTRES = many("stereocentres", "rdkit.Chem.FindMolChiralCenters, assigned or not")
DONORS = many("hydrogen-bond donors", "rdkit.Chem.rdMolDescriptors.CalcNumHBD")
ACCEPTORS = many("hydrogen-bond acceptors", "rdkit.Chem.rdMolDescriptors.CalcNumHBA")
CHARGE = size("formal charge", "sum of the formal charges", "e")
AROMATIC = share("share of aromatic atoms", "aromatic atoms among the heavy atoms")
SP3 = share("share of sp3 carbons", "rdkit.Chem.rdMolDescriptors.CalcFractionCSP3; not defined without carbon")
HETERO = share("share of heteroatoms", "heavy atoms other than carbon among the heavy atoms")
LARGEST = Property("largest ring", "with larger rings", "with smaller rings", "atoms in the largest ring", "atoms")
CHARGED = has("formally charged atoms", "an atom has a formal charge, such as those of a nitro group")
FRAGMENTS = Property(
    "several fragments",
    "made of several fragments",
    "made of a single fragment",
    "the SMILES string has parts that are not bonded to each other, such as salts",
    binary=True,
    absent=0,
)
ACYCLIC = Property("no rings", "without rings", "with rings", "no bond is in a ring", binary=True, absent=0)
UNASSIGNED = has("unassigned stereocentres", "rdkit.Chem.FindMolChiralCenters finds one without a label")
SPIRO = has("a spiro atom", "rdkit.Chem.rdMolDescriptors.CalcNumSpiroAtoms")
BRIDGEHEAD = has("a bridgehead atom", "rdkit.Chem.rdMolDescriptors.CalcNumBridgeheadAtoms")
AROMATIC_RING = has("an aromatic ring", "rdkit.Chem.rdMolDescriptors.CalcNumAromaticRings")
ALKENE = has("a C=C double bond", "a double bond between carbons that are not aromatic")
ALKYNE = has("a C#C triple bond", "a triple bond between carbons")


def find_molecule(sample: Sample) -> Any:
    """Return the RDKit molecule of a sample that is not a protein; None if it has none of at least one atom.

    Raises:
        ImportError: RDKit, or for SELFIES the selfies package, is not installed.
    """
    from ..base import molecule

    smiles = sample.smiles
    if sample.sequence or not (smiles or sample.selfies):
        return None
    if not smiles:
        smiles = _decoded(str(sample.selfies))
    mol = molecule(smiles) if smiles else None
    return mol if mol is not None and mol.GetNumAtoms() else None


def _decoded(selfies: str) -> str | None:
    try:
        import selfies as library
    except ImportError as error:
        raise MissingPackageError(f"describing SELFIES needs selfies: {install_command('selfies')}") from error
    try:
        return str(library.decoder(selfies))
    except library.DecoderError:
        return None


def molecule_facts(mol: Any) -> Iterator[Fact]:
    """Yield the descriptors of an RDKit molecule of at least one atom."""
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    atoms = list(mol.GetAtoms())
    heavy = [atom for atom in atoms if atom.GetAtomicNum() > 1]
    n = max(len(heavy), 1)
    yield HEAVY, len(heavy)
    yield ROTATABLE, rdMolDescriptors.CalcNumRotatableBonds(mol)
    centres = Chem.FindMolChiralCenters(mol, includeUnassigned=True, useLegacyImplementation=False)
    yield STEREOCENTRES, len(centres)
    yield DONORS, rdMolDescriptors.CalcNumHBD(mol)
    yield ACCEPTORS, rdMolDescriptors.CalcNumHBA(mol)
    yield CHARGE, Chem.GetFormalCharge(mol)
    yield AROMATIC, sum(atom.GetIsAromatic() for atom in heavy) / n
    yield HETERO, sum(atom.GetAtomicNum() != 6 for atom in heavy) / n
    if any(atom.GetAtomicNum() == 6 for atom in heavy):
        yield SP3, rdMolDescriptors.CalcFractionCSP3(mol)
    yield from _ring_facts(mol)
    yield CHARGED, any(atom.GetFormalCharge() for atom in atoms)
    yield FRAGMENTS, len(Chem.GetMolFrags(mol)) > 1
    yield UNASSIGNED, any(label == "?" for _, label in centres)
    kinds = Counter(
        bond.GetBondType()
        for bond in mol.GetBonds()
        if bond.GetBeginAtom().GetAtomicNum() == bond.GetEndAtom().GetAtomicNum() == 6
    )
    yield ALKENE, kinds[Chem.BondType.DOUBLE] > 0
    yield ALKYNE, kinds[Chem.BondType.TRIPLE] > 0
    for element in element_counts(mol):
        yield contains(element), 1.0
    yield from functional_groups(mol)


def _ring_facts(mol: Any) -> Iterator[Fact]:
    from rdkit.Chem import rdMolDescriptors

    sizes = [len(ring) for ring in mol.GetRingInfo().AtomRings()]
    yield RINGS, len(sizes)
    yield ACYCLIC, not sizes
    if sizes:
        yield LARGEST, max(sizes)
    for n, prop in _RINGS.items():
        yield prop, n in sizes
    yield _MACROCYCLE, max(sizes, default=0) >= 12
    yield AROMATIC_RING, rdMolDescriptors.CalcNumAromaticRings(mol) > 0
    yield SPIRO, rdMolDescriptors.CalcNumSpiroAtoms(mol) > 0
    yield BRIDGEHEAD, rdMolDescriptors.CalcNumBridgeheadAtoms(mol) > 0


def element_counts(mol: Any) -> Counter[str]:
    """Count the atoms of each element of an RDKit molecule with all of its hydrogens."""
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    counts["H"] += sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    return +counts


def scaffold(mol: Any) -> str:
    """Return the Bemis-Murcko scaffold as SMILES (DOI 10.1021/jm9602928), "" for molecules without rings."""
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    return str(Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol)))


def scaffold_facts(smiles: str, common: Counter[str], at_least: int) -> Iterator[Fact]:
    """Yield the scaffold of a molecule if it is short and at least that many molecules have it."""
    if smiles and len(smiles) <= MAX_SCAFFOLD and common[smiles] >= at_least:
        method = "Bemis-Murcko scaffold of RDKit, DOI 10.1021/jm9602928"
        yield has(f"the scaffold {smiles}", method), 1.0
