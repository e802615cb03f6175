"""One pass over blocks of rows, which computes what the scores of all pairs of models need."""

from .mesh import run_mesh_pass as run_mesh_pass
from .plan import PassPlan as PassPlan
from .plan import PassResult as PassResult
from .plan import QueryResult as QueryResult
from .plan import Search as Search
from .queries import run_query_pass as run_query_pass
from .run import run_pass as run_pass
