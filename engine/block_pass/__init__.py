"""One pass over blocks of rows, which computes what the scores of all pairs of models need."""

from .plan import PassPlan as PassPlan
from .plan import PassResult as PassResult
from .run import run_pass as run_pass
