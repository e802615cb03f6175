"""What follows from a Comparison: each file one question."""

from .blind_spots import Association as Association
from .blind_spots import BlindSpots as BlindSpots
from .blind_spots import association as association
from .blind_spots import blind_spots as blind_spots
from .convergence import Convergence as Convergence
from .convergence import convergence as convergence
from .energy import EnergyError as EnergyError
from .energy import energy_error as energy_error
from .factors import Factor as Factor
from .factors import factors as factors
from .layers import BestLayers as BestLayers
from .layers import best_layers as best_layers
from .probe import Probe as Probe
from .probe import probe as probe
from .regimes import Change as Change
from .regimes import regimes as regimes
from .scale import Trend as Trend
from .scale import scale_trend as scale_trend
from .shift import Shift as Shift
from .shift import degree_of_shift as degree_of_shift
from .tree import Tree as Tree
from .tree import tree as tree
