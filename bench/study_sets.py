"""Small panels of models in families that go through `compare` and all findings of the study."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms

from hyle.cli.comparison.energies import add_energy_errors
from hyle.cli.jobs.compare import compare
from hyle.cli.options import CompareOptions
from hyle.cli.study import SETS, StudyResult, StudyResults, StudySet
from hyle.zoo import Dataset, Representation, Sample, find_card

SAMPLES, LATENT, WIDTH = 60, 5, 12
METRICS = ("cka", "distance_correlation", "mutual_knn", "cknna", "information_imbalance", "intrinsic_dimension")
CRYSTALS = (
    *("dpa3-openlam", "dpa3-mptrj", "sevennet-0", "chgnet-0.3.0", "chgnet-0.2.0", "cgcnn-energy"),
    *("cgcnn-formation-energy", "m3gnet", "mace-mp-small", "nequix-mp-1", "mattersim-1m"),
)
MODELS = {
    "qm9": (
        *("chemnet", "rxnmapper", "rxnfp", "admet-ai-cls", "admet-ai-cls-seed1", "minimol", "minilm", "aimnet2"),
        *("ani-1x", "ani-2xt", "so3lr", "chgnet-0.3.0", "chgnet-0.2.0", "sevennet-0", "composition", "random"),
    ),
    "mptrj": (*CRYSTALS, "random"),
    "mpf-tp": (*CRYSTALS, "random"),
    "proteins": ("near", "antiberty", "metapredict-plddt", "proteinmpnn-002", "ligandmpnn-020", "random"),
}


def panels(seed: int, common: float) -> StudyResults:
    """Return the sets of the study that its claims are about, with simulated models.

    Args:
        seed: of the panels.
        common: share of the variance of a row that all models have in common; half of the rest is that of the family,
            and half is the model's own.
    """
    return {
        plan.dataset: _panel(StudySet(plan.dataset, SAMPLES, plan.role, MODELS[plan.dataset]), at, seed, common)
        for at, plan in enumerate(SETS)
        if plan.dataset in MODELS
    }


def _panel(plan: StudySet, at: int, seed: int, common: float) -> StudyResult:
    rng = np.random.default_rng([seed, at])
    ids, latent = [f"{plan.dataset}-{i}" for i in range(SAMPLES)], rng.normal(size=(SAMPLES, LATENT))
    truth = rng.normal(size=SAMPLES)
    samples = [Sample(id=one, atoms=Atoms("H2O"), labels={"energy": e}) for one, e in zip(ids, truth, strict=True)]
    data = Dataset(plan.dataset, samples, "materials", "CC0-1.0", "simulated", {"energy": "eV"})
    shared: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    representations = []
    for name in plan.models:
        family = find_card(name).family
        if family not in shared:
            shared[family] = rng.normal(size=(SAMPLES, LATENT)), np.exp(0.5 * rng.normal()) * rng.normal(size=SAMPLES)
        # The same map of a model in all sets.
        maps = np.random.default_rng([seed, *name.encode()]).normal(size=(3, LATENT, WIDTH))
        weights = [common, (1 - common) / 2, (1 - common) / 2]
        parts = (latent, shared[family][0], rng.normal(size=(SAMPLES, LATENT)))
        rows = sum(w**0.5 * part @ one for w, part, one in zip(weights, parts, maps, strict=True))
        if name == "random":
            rows = rng.normal(size=(SAMPLES, WIDTH))
        energies = truth + shared[family][1] + 0.3 * rng.normal(size=SAMPLES) if find_card(name).energy else None
        recipe = {"model": name}
        representations.append(Representation(name, np.asarray(rows, np.float32), ids, recipe, energies))
    measure = CompareOptions(metrics=METRICS, k=8, dimension_k=10, permutations=19, jackknife_groups=10)
    with warnings.catch_warnings():
        # So few permutations resolve no pair, and no verdict needs one.
        warnings.simplefilter("ignore")
        comparison = compare(representations, measure=measure)
    add_energy_errors(comparison, representations, data)
    return StudyResult(plan, data, representations, comparison)
