"""Find, load and run a model."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .hook import TorchHook as TorchHook
    from .hub import hub_card as hub_card
    from .libraries import changed_libraries as changed_libraries
    from .libraries import without_outdated as without_outdated
    from .load import load as load
    from .load import prepare as prepare
    from .model import Model as Model
    from .model import model_recipe as model_recipe
    from .node_rows import check_per_before_loading as check_per_before_loading
    from .outputs import checked_output as checked_output
    from .outputs import outputs_of as outputs_of
    from .pooling import pool as pool
    from .register import check_name as check_name
    from .register import register as register
    from .registered import registered as registered
    from .registered import registered_dir as registered_dir
    from .registry import find_card as find_card
    from .registry import is_of_hyle as is_of_hyle
    from .registry import list_models as list_models
    from .state import state_of as state_of
    from .study import StudyRow as StudyRow
    from .study import list_study as list_study
    from .user import entry_points as entry_points
    from .user import user_card as user_card
    from .weights_files import weights_files as weights_files
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
