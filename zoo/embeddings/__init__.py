"""Files of embeddings: what people have, read into representations, and representations written to files."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .arrays import is_float as is_float
    from .arrays import to_numpy as to_numpy
    from .content import SelectionError as SelectionError
    from .files import check_output as check_output
    from .files import embeddings_name as embeddings_name
    from .files import is_embedding_file as is_embedding_file
    from .files import read_embeddings as read_embeddings
    from .files import write_embeddings as write_embeddings
    from .formats import READERS as READERS
    from .formats import read_array as read_array
    from .ids import ID_RULES as ID_RULES
    from .ids import apply_id_rule as apply_id_rule
    from .ids import rules_that_join as rules_that_join
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
