"""One pass over blocks of rows, from which the scores of all pairs of models follow."""

from .plan import PassPlan as PassPlan
from .plan import PassResult as PassResult
from .run import run_pass as run_pass
