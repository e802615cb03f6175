"""Algorithms of the metrics."""

from .distances_numpy import squared_distances_numpy as squared_distances_numpy
from .hsic import chance as chance
from .hsic import chance_description as chance_description
from .hsic import null as null
from .hsic import ratio as ratio
from .hsic import ratios as ratios
from .joint_distances import joint_distances as joint_distances
from .masked_kernels import Edges as Edges
from .masked_kernels import Similarity as Similarity
from .masked_kernels import Term as Term
from .masked_kernels import edges as edges
from .masked_kernels import incidences as incidences
from .masked_kernels import permutation_mean as permutation_mean
from .masked_kernels import recentred as recentred
from .masked_kernels import shared_edges as shared_edges
from .masked_kernels import shared_sum as shared_sum
from .masked_kernels import shared_sums as shared_sums
from .masked_kernels import with_self as with_self
from .nuclear_norm import nuclear_norm as nuclear_norm
from .nuclear_norm import spectrum as spectrum
from .nuclear_norm import unrelated_norm as unrelated_norm
