"""What is done to a representation before it is compared, and its diagnostics."""

from .blus import basis_of as basis_of
from .blus import blus_residuals as blus_residuals
from .blus import taken_out as taken_out
from .diagnostics import counts as counts
from .diagnostics import effective_rank as effective_rank
from .outliers import norm_outliers as norm_outliers
from .relative import relative_representation as relative_representation
from .residuals import residuals as residuals
