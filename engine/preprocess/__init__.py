"""Preprocessing of representations before they are compared, and their diagnostics."""

from .anchors import Method as Method
from .anchors import select_anchors as select_anchors
from .blus import ExplainedWarning as ExplainedWarning
from .blus import blus_residuals as blus_residuals
from .blus import orthonormal_basis as orthonormal_basis
from .blus import regress_out as regress_out
from .diagnostics import effective_rank as effective_rank
from .diagnostics import representation_diagnostics as representation_diagnostics
from .joint import joint_reference as joint_reference
from .outliers import norm_outliers as norm_outliers
from .relative import relative_representation as relative_representation
from .residuals import residuals as residuals
