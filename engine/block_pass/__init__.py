"""One pass over blocks of rows, from which the scores of all pairs of models follow."""

from .plan import Gathered as Gathered
from .plan import Wanted as Wanted
from .run import gather as gather
