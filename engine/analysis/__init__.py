"""Analyses of a Comparison; each module answers one question."""

from typing import Any

from ..base import renamed_attribute as _renamed_attribute
from ._matrix import alignment_of as alignment_of
from ._matrix import beyond_chance as beyond_chance
from .agreement import Agreement as Agreement
from .agreement import agreement as agreement
from .alignment_profile import AlignmentProfile as AlignmentProfile
from .alignment_profile import Estimate as Estimate
from .alignment_profile import align_to as align_to
from .alignment_profile import difference as difference
from .arithmetic import Arithmetic as Arithmetic
from .arithmetic import arithmetic as arithmetic
from .blind_spots import Association as Association
from .blind_spots import BlindSpots as BlindSpots
from .blind_spots import association as association
from .blind_spots import blind_spots as blind_spots
from .collapse import Information as Information
from .collapse import collapse as collapse
from .consensus import Consensus as Consensus
from .consensus import consensus as consensus
from .consensus_probes import ALL as ALL
from .consensus_probes import BEST as BEST
from .consensus_probes import PCA as PCA
from .consensus_probes import REST as REST
from .consensus_probes import SHARED as SHARED
from .consensus_probes import LabelProbe as LabelProbe
from .consensus_probes import Share as Share
from .consensus_probes import probe_consensus as probe_consensus
from .contrast import Contrast as Contrast
from .contrast import contrast as contrast
from .convergence import Convergence as Convergence
from .convergence import convergence as convergence
from .criteria import Criterion as Criterion
from .criteria import rank_criteria as rank_criteria
from .dimension_band import DimensionBand as DimensionBand
from .dimension_band import dimension_band as dimension_band
from .disagreement_error import ErrorPrediction as ErrorPrediction
from .disagreement_error import Prediction as Prediction
from .disagreement_error import disagreement_error as disagreement_error
from .disagreement_error import prediction_spread as prediction_spread
from .dose_response import DoseResponse as DoseResponse
from .dose_response import Response as Response
from .dose_response import dose_response as dose_response
from .energy import EnergyError as EnergyError
from .energy import energy_error as energy_error
from .energy import mean_se as mean_se
from .energy import of_common_elements as of_common_elements
from .enrichment import Enrichment as Enrichment
from .enrichment import Enrichments as Enrichments
from .enrichment import EnrichmentStep as EnrichmentStep
from .enrichment import enrichment as enrichment
from .factors import Factor as Factor
from .factors import factors as factors
from .families import MIN_FAMILIES as MIN_FAMILIES
from .families import FamilyTest as FamilyTest
from .families import family_codes as family_codes
from .families import family_means as family_means
from .families import family_pair_means as family_pair_means
from .families import jackknife_interval_over_families as jackknife_interval_over_families
from .families import mean_over_families as mean_over_families
from .family_pairs import correlate_pairs as correlate_pairs
from .family_pairs import mean_over_pairs as mean_over_pairs
from .family_pairs import pair_correlation as pair_correlation
from .family_pairs import regress_pairs as regress_pairs
from .family_tests import compare_groups as compare_groups
from .family_tests import correlate_models as correlate_models
from .farthest_samples import farthest_samples as farthest_samples
from .freedom import error_freedom as error_freedom
from .layer_atlas import LayerAtlas as LayerAtlas
from .layer_atlas import layer_atlas as layer_atlas
from .layers import BestLayers as BestLayers
from .layers import best_layers as best_layers
from .neighbourhoods import NearestSamples as NearestSamples
from .neighbourhoods import nearest_samples as nearest_samples
from .neighbourhoods import neighbour_disagreement as neighbour_disagreement
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
from .relative_agreement import RelativeAgreement as RelativeAgreement
from .relative_agreement import relative_agreement as relative_agreement
from .sample_agreement import Form as Form
from .sample_agreement import SampleAgreement as SampleAgreement
from .sample_agreement import sample_agreement as sample_agreement
from .sample_collapse import Interval as Interval
from .sample_collapse import SampleCollapse as SampleCollapse
from .sample_collapse import information_loss as information_loss
from .sample_collapse import local_dimension as local_dimension
from .sample_collapse import sample_collapse as sample_collapse
from .sample_null import Reliability as Reliability
from .scale import Trend as Trend
from .scale import scale_trend as scale_trend
from .selection import Selection as Selection
from .selection import selection as selection
from .shared_plane import SharedPlane as SharedPlane
from .shared_plane import shared_plane as shared_plane
from .shift import Shift as Shift
from .shift import degree_of_shift as degree_of_shift
from .single_change import SingleChange as SingleChange
from .single_change import single_change as single_change
from .stitching import HeldOutScore as HeldOutScore
from .stitching import Stitching as Stitching
from .stitching import stitching as stitching
from .tree import Node as Node
from .tree import Tree as Tree
from .tree import tree as tree

__all__ = [
    "ALL",
    "BEST",
    "MIN_FAMILIES",
    "PCA",
    "REST",
    "SHARED",
    "Agreement",
    "AlignmentProfile",
    "Arithmetic",
    "Association",
    "BestLayers",
    "BlindSpots",
    "Change",
    "Consensus",
    "Contrast",
    "Convergence",
    "Criterion",
    "DimensionBand",
    "DoseResponse",
    "EnergyError",
    "Enrichment",
    "EnrichmentStep",
    "Enrichments",
    "ErrorPrediction",
    "Estimate",
    "Factor",
    "FamilyTest",
    "Form",
    "HeldOutScore",
    "Information",
    "Interval",
    "LabelProbe",
    "LayerAtlas",
    "NearestSamples",
    "Node",
    "PairDifference",
    "Plane",
    "Prediction",
    "Probe",
    "Quadrant",
    "RelativeAgreement",
    "Reliability",
    "Response",
    "SampleAgreement",
    "SampleCollapse",
    "Selection",
    "Share",
    "SharedPlane",
    "Shift",
    "SingleChange",
    "Stitching",
    "Tree",
    "Trend",
    "agreement",
    "align_to",
    "alignment_of",
    "arithmetic",
    "association",
    "best_layers",
    "beyond_chance",
    "blind_spots",
    "ceiling_shares",
    "collapse",
    "compare_groups",
    "consensus",
    "contrast",
    "convergence",
    "correlate_models",
    "correlate_pairs",
    "degree_of_shift",
    "difference",
    "dimension_band",
    "disagreement_error",
    "dose_response",
    "energy_error",
    "enrichment",
    "error_freedom",
    "factors",
    "family_codes",
    "family_means",
    "family_pair_means",
    "farthest_samples",
    "information_loss",
    "jackknife_interval_over_families",
    "layer_atlas",
    "local_dimension",
    "mean_over_families",
    "mean_over_pairs",
    "mean_se",
    "nearest_samples",
    "neighbour_disagreement",
    "of_common_elements",
    "pair_correlation",
    "pair_difference",
    "plane",
    "prediction_spread",
    "probe",
    "probe_consensus",
    "quadrant",
    "rank_criteria",
    "rank_intervals",
    "regimes",
    "regress_pairs",
    "relative_agreement",
    "sample_agreement",
    "sample_collapse",
    "scale_trend",
    "selection",
    "shared_plane",
    "single_change",
    "stitching",
    "tree",
]

_RENAMED = {"place": "align_to", "Placement": "AlignmentProfile"}


def __getattr__(name: str) -> Any:
    return _renamed_attribute(__name__, name, _RENAMED, globals())
