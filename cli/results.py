"""What each analysis finds: drawn by `figures`, put into words by `analyses`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import (
        Association,
        BlindSpots,
        Change,
        Convergence,
        DimensionBand,
        Factor,
        Information,
        Plane,
        Probe,
        Selection,
        Shift,
        SingleChange,
        Tree,
        Trend,
    )


@dataclass(frozen=True)
class BlindSpotResult:
    """How alike errors are, alignment of the same models, and how one goes with the other."""

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
    """What each representation holds, on both sets of samples, and how that changes."""

    inside: list[Information]
    outside: list[Information]
    changes: list[SingleChange]
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class ConvergenceResult:
    """Convergence with and without the reference's own family, and what is on both axes."""

    runs: dict[str, Convergence]
    metric: str
    error: str
    best_by: str
    kinds: Mapping[str, str]
    recipe: str


@dataclass(frozen=True)
class DimensionResult:
    """The band of each estimate, and the dimension at growing scales where that was asked for."""

    bands: dict[str, DimensionBand]
    labels: dict[str, str]
    scales: list[dict[str, Any]]
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class FactorResult:
    """Shares that single facts explain, on the first and on the second set of samples."""

    on: dict[str, list[Factor]]
    metric: str


@dataclass(frozen=True)
class MapResult:
    """A plane for each model, and what its points are coloured by."""

    planes: dict[str, Plane]
    ids: list[str]
    colour: dict[str, np.ndarray] | None
    coloured_by: str
    method: str


@dataclass(frozen=True)
class ProbeResult:
    """A probe of each model."""

    label: str
    probes: dict[str, Probe]
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class RegimeResult:
    """How every metric changes, and both Comparisons."""

    changes: list[Change]
    metric: str
    inside: xr.Dataset
    outside: xr.Dataset


@dataclass(frozen=True)
class ScaleResult:
    """Trends by family and quantity, and the points that they are of."""

    trends: dict[tuple[str, str], Trend]
    rows: list[dict[str, Any]]
    size: str
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class SelectionResult:
    """The ranking with its check."""

    label: str
    selection: Selection
    metric: str
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class ShiftResult:
    """The degree of shift of each model, with the 95 % interval of its auc."""

    shifts: dict[str, Shift]
    ends: dict[str, tuple[float, float]]
    n: tuple[int, int]
    k: int
    kinds: Mapping[str, str]


@dataclass(frozen=True)
class TreeResult:
    """The tree, and the modalities of its models."""

    tree: Tree
    metric: str
    kinds: Mapping[str, str]
