"""Plan of the study: sets of samples, and the models that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xarray as xr

from hyle.zoo import Dataset, Representation

CONTROLS = ("composition", "random", "soap")
# Controls that show what happens to every representation under a shift.
BESIDE = ("composition", "chgnet-untrained")
# Other choices than the default layer and pooling of a model's card: the layer in the middle of the list, and the sum
# over atoms or tokens, or their mean and variance.
MIDDLE, POOLINGS = "middle", ("sum", "cumulants(2)")
DEFAULT = "default"
_CRYSTALS = (
    *("chgnet-0.2.0", "chgnet-0.3.0", "chgnet-r2scan", "sevennet-0", "sevennet-0-may", "sevennet-mf-0-pbe"),
    *("sevennet-mf-0-r2scan", "dpa3-mptrj", "dpa3-openlam", "m3gnet", "diep", "hienet"),
)
_CGCNN = ("cgcnn-energy", "cgcnn-formation-energy", "cgcnn-band-gap", "cgcnn-fermi", "cgcnn-bulk", "cgcnn-shear")
_OF_CRYSTALS = (*_CRYSTALS, *_CGCNN, "megnet-formation-energy", *CONTROLS, "chgnet-untrained")
# Models of crystals that are changed, and the controls beside them.
OF_PERTURBED = (*_CRYSTALS, *_CGCNN, "megnet-formation-energy", "composition", "chgnet-untrained")
_OF_EXOTIC = (*_CRYSTALS, "composition", "random", "chgnet-untrained")
_STRINGS = (
    *("chemnet", "rxnfp", "rxnfp-ft", "rxnmapper", "admet-ai-cls", "admet-ai-cls-seed1", "admet-ai-reg", "minimol"),
    *("nagl-1.0.0", "espaloma-charge", "soltrannet", "minilm", "morgan"),
)
_MOLECULES = (*_STRINGS[:-1], "aimnet2", "ani-1x", "ani-1ccx", "ani-2xt", "so3lr")
_SEQUENCES = ("near", "antiberty", "unirep-64", "metapredict-disorder", "metapredict-plddt", "minilm-sequence")
_PROTEINS = (
    *(*_SEQUENCES, "gcndesign"),
    *("proteinmpnn-002", "proteinmpnn-020", "proteinmpnn-030", "solublempnn-020", "ligandmpnn-020"),
)


@dataclass(frozen=True)
class StudySet:
    """Samples of one kind, and the models that read them.

    Args:
        dataset: name of a built-in data set.
        n: number of samples; all of them where the data set has fewer.
        role: description of the samples.
        models: names of the models, with controls.
    """

    dataset: str
    n: int
    role: str
    models: Sequence[str]


@dataclass(frozen=True)
class StudyResult:
    """One set embedded and compared.

    Args:
        plan: the set and its models.
        data: the samples.
        representations: in the order of the Comparison's models.
        comparison: with permutations and intervals, and ``energy_mae`` where there are energies.
        variants: (layer, pooling) -> representations under other choices of these, of the models that are not controls;
            a model without such a choice has its default one.
    """

    plan: StudySet
    data: Dataset
    representations: Sequence[Representation]
    comparison: xr.Dataset
    variants: Mapping[tuple[str, str], Sequence[Representation]] = field(default_factory=dict)


StudyResults = Mapping[str, StudyResult]

SETS = (
    StudySet(
        "qm9", 500, "small molecules, as strings, graphs and atoms", (*_MOLECULES, *_CRYSTALS, "morgan", *CONTROLS)
    ),
    StudySet("mptrj", 500, "inorganic crystals, in distribution", _OF_CRYSTALS),
    StudySet("mpf-tp", 300, "crystals at high temperature and pressure, out of distribution", _OF_CRYSTALS),
    StudySet(
        "random-tp",
        300,
        "cells of random atoms at high temperature and pressure, far out of distribution",
        _OF_CRYSTALS,
    ),
    StudySet("alexandria", 300, "relaxed crystals of another database, most of prototypes not in MPtrj", _OF_CRYSTALS),
    StudySet("exotic", 230, "artificial, charged and heavy molecules, as atoms", _OF_EXOTIC),
    StudySet(
        "drugs",
        300,
        "approved drugs, as strings and graphs: larger than molecules of QM9, of other scaffolds",
        (*_STRINGS, "random"),
    ),
    StudySet("proteins", 500, "protein chains, as sequences and backbones", (*_PROTEINS, "random")),
    StudySet("peptides", 300, "short peptides, as sequences", (*_SEQUENCES, "random")),
)
# The sets in and out of distribution that the claims are about, and sets of other samples with what they are compared
# to, which is not always what the models were trained on.
SHIFT = ("mptrj", "mpf-tp")
SHIFTS = {
    "mpf-tp": "mptrj",
    "random-tp": "mptrj",
    "alexandria": "mptrj",
    "exotic": "qm9",
    "drugs": "qm9",
    "peptides": "proteins",
}
# Changes of the first crystals of `SHIFT[0]`, each with amounts from small to large; see `hyle.zoo.perturb`.
PERTURBED_N = 150
PERTURBED = {
    "rattle": (0.05, 0.15, 0.4),
    "volume": (0.95, 0.85, 0.7),
    "swap": (0.1, 0.3, 1.0),
    "cleave": (1.0, 3.0, 10.0),
}
