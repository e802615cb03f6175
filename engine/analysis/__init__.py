"""Analyses of a Comparison; each module answers one question."""

from typing import Any

from ..base import renamed_attribute as _renamed_attribute
from .agreement import Agreement as Agreement
from .agreement import agreement as agreement
from .alignment_profile import AlignmentProfile as AlignmentProfile
from .alignment_profile import Estimate as Estimate
from .alignment_profile import align_to as align_to
from .alignment_profile import difference as difference
from .blind_spots import Association as Association
from .blind_spots import BlindSpots as BlindSpots
from .blind_spots import association as association
from .blind_spots import blind_spots as blind_spots
from .collapse import Information as Information
from .collapse import collapse as collapse
from .convergence import Convergence as Convergence
from .convergence import convergence as convergence
from .dimension_band import DimensionBand as DimensionBand
from .dimension_band import dimension_band as dimension_band
from .energy import EnergyError as EnergyError
from .energy import energy_error as energy_error
from .energy import of_common_elements as of_common_elements
from .factors import Factor as Factor
from .factors import factors as factors
from .layers import BestLayers as BestLayers
from .layers import best_layers as best_layers
from .plane import Plane as Plane
from .plane import plane as plane
from .probe import Probe as Probe
from .probe import probe as probe
from .quadrant import Quadrant as Quadrant
from .quadrant import quadrant as quadrant
from .regimes import Change as Change
from .regimes import regimes as regimes
from .scale import Trend as Trend
from .scale import scale_trend as scale_trend
from .selection import Criterion as Criterion
from .selection import Selection as Selection
from .selection import selection as selection
from .shift import Shift as Shift
from .shift import degree_of_shift as degree_of_shift
from .single_change import SingleChange as SingleChange
from .single_change import single_change as single_change
from .tree import Node as Node
from .tree import Tree as Tree
from .tree import tree as tree

_RENAMED = {"place": "align_to", "Placement": "AlignmentProfile"}


def __getattr__(name: str) -> Any:
    return _renamed_attribute(__name__, name, _RENAMED, globals())
