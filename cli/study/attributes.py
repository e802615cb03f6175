"""Agreement against what makes samples unusual, one property at a time: size, scaffold, prototype, fold and others."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyle.zoo import MissingPackageError, Sample, install_command, load_dataset

from ..comparison import model_names
from ..console import say
from .findings import rows_of_models
from .plan import BESIDE, StudyResult, StudyResults
from .statistics import families
from .verdict import Estimate

METRIC = "cknna"
# What samples are unlike of: more of the data set that others are compared with than was embedded.
REFERENCE_N = {"qm9": 1500, "mptrj": 1000}
SYMMETRY_TOLERANCE = 0.1  # Angstrom


@dataclass(frozen=True)
class Attribute:
    """A property of samples by which they are put in bins.

    Args:
        dataset: the samples.
        reference: the set whose random samples are shown beside the bins.
        name: of the property.
        words: what is large where the samples are unusual.
        bins: number of bins.
        of: the values of samples, given those of the reference; NaN where a sample has none.
    """

    dataset: str
    reference: str
    name: str
    words: str
    bins: int
    of: Callable[[Sequence[Sample], Sequence[Sample]], Sequence[float]]


@dataclass(frozen=True)
class AttributeResult:
    """Agreement against one property.

    Args:
        dataset: the samples.
        reference: the set beside them.
        name: of the property.
        words: what is large where samples are unusual.
        ends: lowest and highest value of each bin.
        values: mean CKNNA beyond chance of different families in each bin.
        of_reference: the same on random samples of the reference.
        slope: change from one bin to the next, with its interval over families.
        n: number of samples of each comparison.
        samples: number of samples that have the property.
        models: number of models.
        controls: name -> mean CKNNA beyond chance of a control with the models, in each bin.
    """

    dataset: str
    reference: str
    name: str
    words: str
    ends: Sequence[tuple[float, float]]
    values: Sequence[float]
    of_reference: float
    slope: Estimate
    n: int
    samples: int
    models: int
    controls: Mapping[str, Sequence[float]]


def heavy_atoms(samples: Sequence[Sample], _: Sequence[Sample]) -> list[float]:
    """Return the number of atoms other than hydrogen of molecules."""
    return [float(mol.GetNumHeavyAtoms()) for mol in map(_molecule, samples)]


def scaffold_distance(samples: Sequence[Sample], reference: Sequence[Sample]) -> list[float]:
    """Return one minus the Tanimoto similarity of the scaffold to the nearest one of the reference.

    Scaffolds are those of Bemis and Murcko, fingerprints Morgan's with radius 2 and 2,048 bits; NaN without rings.
    """
    from rdkit.DataStructs import BulkTanimotoSimilarity

    known = [one for one in map(_scaffold, reference) if one is not None]
    return [math.nan if one is None else 1 - max(BulkTanimotoSimilarity(one, known)) for one in map(_scaffold, samples)]


def _molecule(sample: Sample) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(sample.smiles)


def _scaffold(sample: Sample) -> Any:
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

    core = GetScaffoldForMol(_molecule(sample))
    return GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint(core) if core.GetNumAtoms() else None


def heaviest_element(samples: Sequence[Sample], _: Sequence[Sample]) -> list[float]:
    """Return the largest atomic number."""
    return [float(sample.atoms.numbers.max()) for sample in samples]  # type: ignore[union-attr]


def open_shell(samples: Sequence[Sample], _: Sequence[Sample]) -> list[float]:
    """Return 1 for a sample with unpaired electrons, else 0."""
    return [float(sample.labels["unpaired"] > 0) for sample in samples]


def rarest_element(samples: Sequence[Sample], reference: Sequence[Sample]) -> list[float]:
    """Return minus the logarithm, to base 10, of the share of reference samples with the rarest element of a sample."""
    counts = Counter(number for sample in reference for number in _elements(sample))
    shares = [min(counts[number] for number in _elements(sample)) / len(reference) for sample in samples]
    return [-math.log10(max(share, 0.5 / len(reference))) for share in shares]


def _elements(sample: Sample) -> set[int]:
    return set(sample.atoms.numbers.tolist())  # type: ignore[union-attr]


def new_prototype(samples: Sequence[Sample], reference: Sequence[Sample]) -> list[float]:
    """Return 1 for a crystal whose prototype none of the reference has, else 0; NaN without a space group."""
    known = set(map(_prototype, reference))
    found = map(_prototype, samples)
    return [math.nan if one is None else float(one not in known) for one in found]


def _prototype(sample: Sample) -> tuple[Any, ...] | None:
    """Return the space group, and for each element the multiplicities and symmetries of its sites, by spglib."""
    import spglib

    atoms = sample.atoms
    assert atoms is not None
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE)
    if found is None:
        return None
    sites: dict[int, Counter[str]] = {}
    for number, symmetry in zip(atoms.numbers.tolist(), found.site_symmetry_symbols, strict=True):
        sites.setdefault(number, Counter())[symmetry] += 1
    # Cells of one prototype can have different numbers of formula units.
    unit = math.gcd(*(count for one in sites.values() for count in one.values()))
    elements = sorted(tuple(sorted((name, count // unit) for name, count in one.items())) for one in sites.values())
    return found.number, *elements


def residues(samples: Sequence[Sample], _: Sequence[Sample]) -> list[float]:
    """Return the number of residues."""
    return [float(len(sample.sequence or "")) for sample in samples]


def fold_distance(samples: Sequence[Sample], _: Sequence[Sample]) -> list[float]:
    """Return one minus the TM-score of a chain with the most similar other one, normalised by its own length.

    Alignments of the CA atoms by TM-align (Zhang & Skolnick 2005, Nucleic Acids Research 33, 2302); chains of one fold
    have more than 0.5. O(n^2) alignments, about 20 ms each.
    """
    from tmtools import tm_align

    traces = [np.asarray(sample.backbone, np.float64)[:, 1] for sample in samples]
    scores = np.zeros((len(traces), len(traces)))
    for i, j in itertools.combinations(range(len(traces)), 2):
        # The letters have no part in the alignment.
        found = tm_align(traces[i], traces[j], "A" * len(traces[i]), "A" * len(traces[j]))
        scores[i, j], scores[j, i] = found.tm_norm_chain1, found.tm_norm_chain2
    return [float(one) for one in 1 - scores.max(1)]


ATTRIBUTES = (
    Attribute("drugs", "qm9", "size", "heavy atoms", 4, heavy_atoms),
    Attribute("drugs", "qm9", "scaffold", "distance to the nearest scaffold of QM9", 4, scaffold_distance),
    Attribute("exotic", "qm9", "element", "largest atomic number", 4, heaviest_element),
    Attribute("exotic", "qm9", "spin", "0 closed shell, 1 unpaired electrons", 2, open_shell),
    Attribute("alexandria", "mptrj", "prototype", "0 in MPtrj, 1 not", 2, new_prototype),
    Attribute("alexandria", "mptrj", "element", "rarity of the rarest element in MPtrj", 4, rarest_element),
    Attribute("proteins", "proteins", "size", "residues", 4, residues),
    Attribute("proteins", "proteins", "fold", "distance to the nearest fold of the others", 4, fold_distance),
    Attribute("peptides", "proteins", "size", "residues", 4, residues),
)


def check_packages(datasets: Collection[str]) -> None:
    """Check that the packages that attributes of these data sets need are there, before hours of work.

    Raises:
        MissingPackageError: one is not installed; names the command that installs it.
    """
    if "proteins" in datasets and importlib.util.find_spec("tmtools") is None:
        raise MissingPackageError(f"folds of proteins are compared by tmtools: {install_command('tmtools')}")


def attributes(panels: StudyResults) -> list[AttributeResult]:
    """Measure the agreement against every attribute whose sets are there and have enough samples."""
    from hyle.engine import HyleError

    found = []
    for one in ATTRIBUTES:
        if one.dataset in panels and one.reference in panels:
            try:
                found.append(measure(one, panels[one.dataset], panels[one.reference]))
            except HyleError as error:  # a bin can have too few groups, which is known from the samples only
                say(f"{one.dataset} by {one.name}: {error}")
    return found


def measure(attribute: Attribute, panel: StudyResult, reference: StudyResult) -> AttributeResult:
    """Compare models in bins of samples by one attribute.

    Raises:
        ValueError: fewer than 25 groups of samples in a bin, or all samples are alike.
    """
    from hyle.engine.analysis import dose_response

    first, second = (rows_of_models(one, BESIDE) for one in (reference, panel))
    by_id = {sample.id: sample for sample in panel.data}
    # Samples are unlike all of the reference that is known, not only what was embedded.
    known = reference.data
    if attribute.reference in REFERENCE_N:
        known = load_dataset(attribute.reference, n=REFERENCE_N[attribute.reference], notify=say)
    values = np.array(attribute.of([by_id[i] for i in second.ids], known.samples))
    kept = np.flatnonzero(np.isfinite(values))
    response = dose_response(
        first.rows,
        {name: rows[kept] for name, rows in second.rows.items()},
        (METRIC,),
        families=dict(zip(model_names(panel.comparison), families(panel.comparison), strict=True)),
        controls=BESIDE,
        reference_groups=first.groups,
        shifted_groups=None if second.groups is None else [second.groups[i] for i in kept.tolist()],
        dose=values[kept],
        bins=attribute.bins,
    )
    (found,) = response.responses
    return AttributeResult(
        attribute.dataset,
        attribute.reference,
        attribute.name,
        attribute.words,
        [(float(low), float(high)) for low, high in response.bins],
        found.values[1:].tolist(),
        float(found.values[0]),
        Estimate(found.slope, found.low, found.high, response.families),
        response.n,
        len(kept),
        response.models,
        {name: one[1:].tolist() for name, one in found.controls.items()},
    )
