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
from .contrast import Contrast as Contrast
from .contrast import contrast as contrast
from .convergence import Convergence as Convergence
from .convergence import convergence as convergence
from .criteria import Criterion as Criterion
from .criteria import rank_criteria as rank_criteria
from .dimension_band import DimensionBand as DimensionBand
from .dimension_band import dimension_band as dimension_band
from .energy import EnergyError as EnergyError
from .energy import energy_error as energy_error
from .energy import of_common_elements as of_common_elements
from .factors import Factor as Factor
from .factors import factors as factors
from .families import MIN_FAMILIES as MIN_FAMILIES
from .families import FamilyTest as FamilyTest
from .family_pairs import correlate_pairs as correlate_pairs
from .family_pairs import mean_over_pairs as mean_over_pairs
from .family_pairs import regress_pairs as regress_pairs
from .family_tests import compare_groups as compare_groups
from .family_tests import correlate_models as correlate_models
from .layers import BestLayers as BestLayers
from .layers import best_layers as best_layers
from .noise_ceiling import ceiling_shares as ceiling_shares
from .pair_differences import PairDifference as PairDifference
from .pair_differences import pair_difference as pair_difference
from .pair_ranks import rank_intervals as rank_intervals
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
from .selection import Selection as Selection
from .selection import selection as selection
from .shift import Shift as Shift
from .shift import degree_of_shift as degree_of_shift
from .single_change import SingleChange as SingleChange
from .single_change import single_change as single_change
from .tree import Node as Node
from .tree import Tree as Tree
from .tree import tree as tree

__all__ = [
    "MIN_FAMILIES",
    "Agreement",
    "AlignmentProfile",
    "Association",
    "BestLayers",
    "BlindSpots",
    "Change",
    "Contrast",
    "Convergence",
    "Criterion",
    "DimensionBand",
    "EnergyError",
    "Estimate",
    "Factor",
    "FamilyTest",
    "Information",
    "Node",
    "PairDifference",
    "Plane",
    "Probe",
    "Quadrant",
    "Selection",
    "Shift",
    "SingleChange",
    "Tree",
    "Trend",
    "agreement",
    "align_to",
    "association",
    "best_layers",
    "blind_spots",
    "ceiling_shares",
    "collapse",
    "compare_groups",
    "contrast",
    "convergence",
    "correlate_models",
    "correlate_pairs",
    "degree_of_shift",
    "difference",
    "dimension_band",
    "energy_error",
    "factors",
    "mean_over_pairs",
    "of_common_elements",
    "pair_difference",
    "plane",
    "probe",
    "quadrant",
    "rank_criteria",
    "rank_intervals",
    "regimes",
    "regress_pairs",
    "scale_trend",
    "selection",
    "single_change",
    "tree",
]

_RENAMED = {"place": "align_to", "Placement": "AlignmentProfile"}


def __getattr__(name: str) -> Any:
    return _renamed_attribute(__name__, name, _RENAMED, globals())
