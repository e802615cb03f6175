"""Centred and scaled representations, their Gram products, kernels, HSIC and median distance."""

from .batches import AxisName as AxisName
from .batches import Batch as Batch
from .batches import KernelAlignment as KernelAlignment
from .batches import centred as centred
from .batches import doubly_centred as doubly_centred
from .batches import others as others
from .features import by_features as by_features
from .features import feature_hsic as feature_hsic
from .features import feature_products as feature_products
from .hsic import Sums as Sums
from .hsic import hsic as hsic
from .kernels import Kernel as Kernel
from .kernels import check_kernel as check_kernel
from .kernels import diagonal as diagonal
from .kernels import kernel_products as kernel_products
from .kernels_numpy import MAX_ENTRIES as MAX_ENTRIES
from .kernels_numpy import kernel_products_numpy as kernel_products_numpy
from .median import median_distance as median_distance
from .median import median_of_prepared as median_of_prepared
from .prepared import Norms as Norms
from .prepared import Prepared as Prepared
from .prepared import in_numpy as in_numpy
from .prepared import prepare as prepare
from .prepared import stacked as stacked
from .product import gram_of as gram_of
