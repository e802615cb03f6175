"""Estimators of the intrinsic dimension, at one scale and at several."""

from .estimators import Estimator as Estimator
from .estimators import check_estimator as check_estimator
from .estimators import dimension as dimension
from .estimators import estimate as estimate
from .estimators import largest_order as largest_order
from .estimators import neighbours_needed as neighbours_needed
from .queries import estimate_from_rows as estimate_from_rows
from .queries import likelihood_error as likelihood_error
from .queries import row_ratios as row_ratios
from .scales import DimensionScales as DimensionScales
from .scales import dimension_scales as dimension_scales
