"""Random permutations of the samples, and scores under these."""

from .blocks import draw_blocks as draw_blocks
from .blocks import exchangeable_share as exchangeable_share
from .draw import Cycle as Cycle
from .draw import Permutations as Permutations
from .draw import draw as draw
from .features import features_permute_cheaper as features_permute_cheaper
from .features import permuted_feature_products as permuted_feature_products
from .kernels import DIAGONALS as DIAGONALS
from .kernels import check_held_kernels as check_held_kernels
from .kernels import permuted_hsic as permuted_hsic
from .kernels import permuted_products as permuted_products
from .kernels import shifted_products as shifted_products
from .overlaps import MAX_ROWS as MAX_ROWS
from .overlaps import shifted_overlaps as shifted_overlaps
from .ranks import permuted_ranks as permuted_ranks
from .shared_edges import Score as Score
from .shared_edges import Shared as Shared
from .shared_edges import shifted_pairs as shifted_pairs
from .whole_groups import draw_whole_groups as draw_whole_groups
