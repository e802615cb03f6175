"""Simulated panels for the tests of the study's claims: each scenario calls the statistic of one registered test.

A scenario builds a Comparison in which models of a family share an effect and a planted effect has a given size, and
calls the function that `hyle study` calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from hyle.cli.study import SETS, Estimate, StudyResult, StudySet, statistics
from hyle.cli.study.findings import confounds, kinds, shift
from hyle.engine import analysis, compare
from hyle.zoo import Representation, find_card

from .family_panels import Draw

# Standard deviation of the alignment of two models of different families, about that of the published page.
SPREAD = 0.08
# Of the change of an alignment between two sets, and its error over samples, which all models share.
CHANGE, LOCAL_ERROR, GLOBAL_ERROR = 0.05, 0.014, 0.04
# Of the logarithm of the dimension, of its change between two sets, and of that change's error over samples.
DIMENSIONS, COLLAPSE, COLLAPSE_ERROR = 0.3, 0.15, 0.02
LEVEL_WITHIN, LEVEL_ACROSS = 0.3, 0.2
SAMPLES = 120
CONTROL_DIMENSION = 40.0
# Effect of training data and of architecture where neither comes first, relative to `SPREAD`.
BOTH = 0.5


@dataclass(frozen=True)
class Design:
    """Families of models and what is known of them; the models of one family are next to each other.

    Args:
        sizes: models of each family.
        modality: [m], of each model.
        architecture: [m].
        trained_on: [m].
    """

    sizes: tuple[int, ...]
    modality: tuple[str, ...]
    architecture: tuple[str, ...]
    trained_on: tuple[str, ...]

    @property
    def codes(self) -> np.ndarray:
        """The family of each model, [m]."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)


def plan_design(dataset: str) -> Design:
    """Return the families of a set of the study, with the facts of the model cards.

    Proteins have no modality of their own: sequences count as strings, and backbones as atoms.
    """
    (names,) = (one.models for one in SETS if one.dataset == dataset)
    cards = [card for card in map(find_card, names) if card.modality != "control"]
    order = list(dict.fromkeys(card.family for card in cards))
    cards.sort(key=lambda card: order.index(card.family))
    return Design(
        tuple(sum(card.family == family for card in cards) for family in order),
        tuple({"sequence": "string", "backbone": "atoms"}.get(card.view, card.modality) for card in cards),
        tuple(card.architecture for card in cards),
        tuple(", ".join(card.trained_on) for card in cards),
    )


def ten_families(kinds_of_input: tuple[str, ...] = ("string", "atoms")) -> Design:
    """Return ten families of one to six models, in which modality, architecture and training data are crossed."""
    sizes = (1, 3, 1, 2, 1, 4, 2, 1, 6, 3)
    facts = (
        [kinds_of_input[f % len(kinds_of_input)] for f in range(10)],
        [statistics.ARCHITECTURES[f % 3] for f in range(10)],
        ["abc"[f // 3 % 3] for f in range(10)],
    )
    return Design(sizes, *(tuple(np.repeat(one, sizes).tolist()) for one in facts))


Simulate = Callable[[Draw, Design, float], Estimate]


def _comparison(draw: Draw, design: Design, values: np.ndarray, **facts: Any) -> xr.Dataset:
    """Return a Comparison with CKNNA of this value beyond a chance level of 0."""
    names = [f"m{i}" for i in range(draw.m)]
    attrs = {"kind": "pair", "higher_is_better": "yes"}
    data = xr.Dataset({"cknna": (("model", "other"), values, attrs)}, {"model": names, "other": names})
    data["cknna_chance"] = (("model", "other"), np.zeros(values.shape))
    known = {"modality": design.modality, "architecture": design.architecture, "trained_on": design.trained_on}
    for name, fact in ({"family": draw.families} | known | facts).items():
        data[name] = ("model", list(fact))
    return data


def _pairs(draw: Draw, effect: np.ndarray | float = 0.0) -> np.ndarray:
    """Return an alignment [m, m] of models in families, with an effect on pairs."""
    return LEVEL_WITHIN + SPREAD * draw.of_pairs() + effect


def _same(labels: tuple[str, ...]) -> np.ndarray:
    each = np.array(labels)
    return (each[:, None] == each).astype(float)


def within(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the alignment of models of the same kind of input."""
    flat = tuple("flat" if kind in statistics.FLAT else kind for kind in design.modality)
    return statistics.same_kind(_comparison(draw, design, _pairs(draw, SPREAD * effect * _same(flat))), "cknna")


def across(draw: Draw, design: Design, effect: float) -> Estimate:
    """Set the mean alignment of models of different families."""
    return statistics.across(_comparison(draw, design, effect + SPREAD * draw.of_pairs()), "cknna")


def overlap(draw: Draw, design: Design, effect: float) -> Estimate:
    """Take the best of nine pairs, all of which share equally many neighbours."""
    panel = _of_latent(draw, effect)
    return kinds.best_overlap(panel, [(i, j) for i in range(3) for j in range(3, 6)], kinds.NEIGHBOURS)[1]


def mean_overlap(draw: Draw, design: Design, effect: float) -> float:
    """Return the mean share over the pairs of `overlap`, without the choice of the best."""
    panel = _of_latent(draw, effect)
    found = compare({one.name: one for one in panel.representations}, metrics=["mutual_knn"], k=kinds.NEIGHBOURS)
    values = found["mutual_knn"].transpose("model", "other").values
    return float(values[:3, 3:].mean())


def proteins(draw: Draw, design: Design, effect: float) -> Estimate:
    """Draw molecules and proteins apart, from the same families."""
    means = []
    for level in (effect * LEVEL_ACROSS, LEVEL_ACROSS):
        data = _comparison(draw, design, level + SPREAD * draw.of_pairs())
        means.append(statistics.across(data, "cknna"))
    return kinds.ratio_of(*means)


def text(draw: Draw, design: Design, effect: float) -> Estimate:
    """Set the alignment of language models with models of atoms relative to that of string models."""
    groups = [np.array(design.modality) == kind for kind in ("text", "string", "atoms")]
    between = groups[0][:, None] & groups[2]
    values = np.where(between | between.T, effect, 1.0) * LEVEL_WITHIN + SPREAD * draw.of_pairs()
    owners = np.array(draw.families)
    return kinds.ratio_of(*(statistics.mean_across(values, one, groups[2], owners) for one in groups[:2]))


def closer(draw: Draw, design: Design, effect: float) -> Estimate:
    """Lower the alignment of both models of a pair by their errors."""
    error = draw.of_models()
    values = _pairs(draw, -SPREAD * effect * (error[:, None] + error))
    return statistics.better_is_closer(_comparison(draw, design, values, energy_mae=np.exp(error)), "cknna")


def order_of_pairs(draw: Draw, design: Design, effect: float) -> Estimate:
    """Draw a local and a global score of each pair apart, with a common part."""
    near = draw.of_pairs()
    data = _comparison(draw, design, LEVEL_WITHIN + SPREAD * near)
    far = LEVEL_WITHIN + SPREAD * (draw.of_pairs() + effect * near)
    data["distance_correlation"] = (("model", "other"), far, data["cknna"].attrs)
    return statistics.local_and_global(data, "cknna")


def _dimensions(draw: Draw, design: Design, logs: np.ndarray) -> xr.Dataset:
    """Return a Comparison with dimensions of the models and of random vectors."""
    data = _comparison(draw, design, _pairs(draw), intrinsic_dimension=CONTROL_DIMENSION * np.exp(logs))
    control = data.isel(model=[0], other=[0]).assign_coords(model=["random"], other=["random"])
    facts = {"family": "control", "modality": "control", "intrinsic_dimension": CONTROL_DIMENSION}
    control = control.assign({name: ("model", [fact]) for name, fact in facts.items()})
    return xr.concat([one.drop_vars(["cknna", "cknna_chance", "other"]) for one in (data, control)], "model")


def of_random(draw: Draw, design: Design, effect: float) -> Estimate:
    """Set the geometric mean dimension relative to that of random vectors."""
    return statistics.dimension_of_random(_dimensions(draw, design, np.log(effect) + DIMENSIONS * draw.of_models()))


def band(draw: Draw, design: Design, effect: float) -> Estimate:
    """Set the standard deviation of the logarithms of the dimensions."""
    return statistics.dimension_band(_dimensions(draw, design, effect * draw.of_models()))


def architectures(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the dimension with the place of the architecture."""
    place = np.array([float(statistics.ARCHITECTURES.index(one)) for one in design.architecture])
    logs = DIMENSIONS * (draw.of_models() + effect * place)
    return statistics.dimension_order(_dimensions(draw, design, logs))


def same_data(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the alignment of models with the same training data."""
    data = _comparison(draw, design, _pairs(draw, effect * _same(design.trained_on)))
    return statistics.training_data(data, "cknna")


def data_first(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the alignment of models with the same training data more than that of the same architecture."""
    effects = (BOTH + effect) * _same(design.trained_on) + BOTH * _same(design.architecture)
    data = _comparison(draw, design, _pairs(draw, SPREAD * effects))
    return statistics.before_architecture(data, "cknna")


def change_of_pairs(draw: Draw, effect: float, error: float) -> Estimate:
    """Change the alignment of all pairs, with an error over samples that the pairs share."""
    within_family = draw.codes[:, None] == draw.codes
    change = effect + CHANGE * (draw.of_pairs() - 2 * within_family) + error * float(draw.rng.normal())
    found = analysis.mean_over_pairs(change, draw.families)
    half_width = 1.96 * error
    ends = (found.value - half_width, found.value + half_width, error, np.inf, found.low, found.high)
    counts: dict[str, Any] = {
        "n": 500,
        "groups": (1000, 1000),
        "k": 10,
        "redraws": 20,
        "models": draw.m,
        "families": draw.k,
    }
    return shift.change_of(analysis.Contrast("cknna", 0.0, found.value, *ends, **counts))


def collapse(draw: Draw, design: Design, effect: float) -> Estimate:
    """Change the dimension around a sample in all models, with an error over samples that the models share."""
    logs = np.log(effect) + COLLAPSE * draw.of_models() + COLLAPSE_ERROR * float(draw.rng.normal())
    middle = float(analysis.family_means(logs, draw.codes).mean())
    nothing = np.empty((draw.m, 0))
    found = analysis.SampleCollapse(
        *(nothing,) * 4,
        loss=(),
        dimension=tuple(analysis.Interval(float(np.exp(one)), np.nan, np.nan) for one in logs),
        mean_dimension=analysis.Interval(float(np.exp(middle)), np.nan, np.nan),
        share=np.empty(0),
        together=0,
        error=COLLAPSE_ERROR,
        df=np.inf,
        loss_df=np.empty(0),
    )
    return shift.collapse_of(found, draw.families)


def _of_sizes(draw: Draw, design: Design, slope: float, of_error: float) -> xr.Dataset:
    """Return models of 0.1 to 10 million parameters, with slopes of the alignment and of the error."""
    size = 0.6 * draw.of_models()
    error = 0.4 * draw.of_models() + of_error * size
    values = _pairs(draw, slope * (size[:, None] + size))
    return _comparison(draw, design, values, parameters=10 ** (6 + size), energy_mae=10**error)


def scale_alignment(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the alignment of both models of a pair with their sizes."""
    return statistics.scale_alignment(_of_sizes(draw, design, effect, 0.0), "cknna")


def scale_error(draw: Draw, design: Design, effect: float) -> Estimate:
    """Lower the error with the size."""
    return statistics.scale_error(_of_sizes(draw, design, 0.0, effect), "cknna")


def shared_errors(draw: Draw, design: Design, effect: float) -> Estimate:
    """Raise the alignment of models with correlated errors; those of a family share half of the variance."""
    common, family, own = draw.normal(SAMPLES), draw.normal(draw.k, SAMPLES)[draw.codes], draw.normal(draw.m, SAMPLES)
    loading = np.abs(draw.of_models())[:, None]
    signed = loading * common + family / 2**0.5 + own / 2**0.5
    alike = np.corrcoef(signed)
    values = _pairs(draw, 3 * SPREAD * effect * alike)
    names = dict(zip((f"m{i}" for i in range(draw.m)), signed, strict=True))
    return statistics.shared_errors(_comparison(draw, design, values), "cknna", names)


def replicates(draw: Draw, design: Design, effect: float) -> Estimate:
    """Compare two models of one latent, with an interval over samples."""
    panel = _of_latent(draw, effect, names=("m", "m-seed1"))
    return confounds.ceiling({"qm9": panel}).estimates["replicates"]


def _of_latent(draw: Draw, effect: float, names: tuple[str, ...] = tuple("abcdef")) -> StudyResult:
    """Return models of one latent with a share of noise of 10^-effect, and a Comparison where there are two."""
    latent, noise = draw.rng.normal(size=(SAMPLES, 6)), 10**-effect
    ids, representations = [str(i) for i in range(SAMPLES)], []
    for name in names:
        rows = (1 - noise) ** 0.5 * latent + noise**0.5 * draw.rng.normal(size=latent.shape)
        representations.append(Representation(name, rows.astype(np.float32), ids, {"model": name}))
    plan = StudySet("qm9", SAMPLES, "planted", names)
    if len(names) > 2:
        comparison = xr.Dataset(coords={"model": list(names)})
    else:
        metrics = ["cka", "cknna", "mutual_knn"]
        comparison = compare({r.name: r for r in representations}, metrics=metrics, k=10, jackknife_groups=20)
    return StudyResult(plan, None, representations, comparison)  # type: ignore[arg-type]  # no samples are needed
