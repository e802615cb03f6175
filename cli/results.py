"""Result of each analysis: computed and summarised by `analyses`, drawn by `figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import (
        Association,
        BlindSpots,
        Change,
        Contrast,
        Convergence,
        DimensionBand,
        DoseResponse,
        Factor,
        Information,
        LayerAtlas,
        Plane,
        Probe,
        SampleAgreement,
        SampleCollapse,
        Selection,
        Shift,
        SingleChange,
        Tree,
        Trend,
    )
    from hyle.zoo import Sample


@dataclass(frozen=True)
class BlindSpotResult:
    """Similarity of the errors of models, alignment of the same models, and the association of the two."""

    models: tuple[str, ...]
    spots: BlindSpots | None
    capa: np.ndarray | None
    alignment: np.ndarray
    goes_with: dict[str, Association]
    metric: str
    what: str
    n: int
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class CollapseResult:
    """Information in each representation on both sets of samples, and its change between them."""

    inside: list[Information]
    outside: list[Information]
    changes: list[SingleChange]
    kinds: Mapping[str, str]
    metric: str = ""


@dataclass(frozen=True)
class ConvergenceResult:
    """Convergence with and without the reference's own family, the labels of both axes, and who saw the samples."""

    runs: dict[str, Convergence]
    metric: str
    error: str
    best_by: str
    kinds: Mapping[str, str]
    recipe: str
    trained: Sequence[str] = ()


@dataclass(frozen=True)
class DimensionResult:
    """Band of the dimensions by each estimator, and the dimension at growing scales where requested."""

    bands: dict[str, DimensionBand]
    labels: dict[str, str]
    scales: list[dict[str, Any]]
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class FactorResult:
    """Shares of the variation that single facts explain, on the first and on the second set of samples."""

    on: dict[str, list[Factor]]
    metric: str


@dataclass(frozen=True)
class LayerResult:
    """The atlas of L layers, and for each its name, its scores [L, L] and these above chance.

    Modality and family are by name of the model. The atlas is of what models share beyond the strata that are named,
    or of the scores above chance if these are empty.
    """

    atlas: LayerAtlas
    layers: list[str]
    values: np.ndarray
    excess: np.ndarray
    kinds: Mapping[str, str]
    families: Mapping[str, str]
    metric: str
    beyond: str
    recipe: str


@dataclass(frozen=True)
class ContestedResult:
    """Agreement of models on each sample, and the samples by id as far as they are known."""

    found: SampleAgreement
    ids: list[str]
    models: list[str]
    k: int
    samples: Mapping[str, Sample]


@dataclass(frozen=True)
class MapResult:
    """Planar layout of each representation, and the values that colour its points."""

    planes: dict[str, Plane]
    ids: list[str]
    colour: dict[str, np.ndarray] | None
    coloured_by: str
    method: str


@dataclass(frozen=True)
class ProbeResult:
    """Ridge probe of the label on each embedding; `units` are what is held out whole, empty for single samples."""

    label: str
    probes: dict[str, Probe]
    kinds: Mapping[str, str]
    units: str = ""


@dataclass(frozen=True)
class PerturbedResult:
    """Agreement on the same samples before and after one change by one amount.

    Args:
        kind: of `hyle.zoo.PERTURBATIONS`.
        amount: its amount.
        auc: probability that a changed sample is farther from the other samples than these are from each other, the
            median over models; 0.5 for no shift.
        kept: CKNNA beyond chance of a model with itself, before and after, the mean over families.
        before: mean CKNNA beyond chance of different families, before the change.
        change: of that mean.
        low: lower end of its 95 % interval over families and samples; NaN for fewer than six families.
        high: upper end.
        families: their number.
        n: number of samples of each redraw; `kept` is of all of them.
        samples: their number.
        models: number of models.
        controls: name -> mean CKNNA beyond chance of a control with the models, before and after.
    """

    kind: str
    amount: float
    auc: float
    kept: float
    before: float
    change: float
    low: float
    high: float
    families: int
    n: int
    samples: int
    models: int
    controls: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class RegimeResult:
    """Change of each metric from the first to the second set of samples, and both Comparisons.

    The contrast of the primary metric is at one number of samples and neighbours, and of the same samples if they are
    ``paired``; None without embeddings of both sets.
    """

    changes: list[Change]
    contrast: Contrast | None
    metric: str
    inside: xr.Dataset
    outside: xr.Dataset
    paired: bool = False


@dataclass(frozen=True)
class ScaleResult:
    """Trends by family and quantity, and the points they are fitted to."""

    trends: dict[tuple[str, str], Trend]
    rows: list[dict[str, Any]]
    size: str
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class DoseResult:
    """Alignment of models in bins of the second set by their distance from the first, by a metric of that label."""

    found: DoseResponse
    label: str


@dataclass(frozen=True)
class SampleCollapseResult:
    """Information of each model on each sample of both sets, and the ids of the samples of the second."""

    found: SampleCollapse
    models: tuple[str, ...]
    ids: tuple[str, ...]
    families: int
    n: tuple[int, int]
    k: int


@dataclass(frozen=True)
class SelectionResult:
    """Ranking of the models for a label, and the evaluation of the ranking."""

    label: str
    selection: Selection
    metric: str
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class ShiftResult:
    """Degree of shift in the space of each model, with the 95 % interval of its AUC, over n samples or groups."""

    shifts: dict[str, Shift]
    ends: dict[str, tuple[float, float]]
    n: tuple[int, int]
    unit: str
    k: int
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class TreeResult:
    """Tree of the models, and their modalities."""

    tree: Tree
    metric: str
    kinds: Mapping[str, str]
