"""Models, data sets, extraction, and the store of embeddings.

Importing this package imports almost nothing: each name is imported when it is first used, and model libraries such as
torch when a model is loaded.
"""

import warnings
from typing import TYPE_CHECKING, Any

from .base import lazy_names as lazy_names

if TYPE_CHECKING:
    from .adapter import Adapter as Adapter
    from .adapter import OnePassAdapter as OnePassAdapter
    from .adapter import Output as Output
    from .base import GROUP_KINDS as GROUP_KINDS
    from .base import GROUP_STATES as GROUP_STATES
    from .base import LEVELS as LEVELS
    from .base import NODE_GROUP_KINDS as NODE_GROUP_KINDS
    from .base import ROW_NUMBERS as ROW_NUMBERS
    from .base import Dataset as Dataset
    from .base import DownloadError as DownloadError
    from .base import HyleError as HyleError
    from .base import InputError as InputError
    from .base import InputTypeError as InputTypeError
    from .base import MissingFileError as MissingFileError
    from .base import MissingPackageError as MissingPackageError
    from .base import OperationError as OperationError
    from .base import OutputError as OutputError
    from .base import ProteinAtoms as ProteinAtoms
    from .base import Representation as Representation
    from .base import Sample as Sample
    from .base import cache_dir as cache_dir
    from .base import check_local as check_local
    from .base import describe_repeats as describe_repeats
    from .base import describe_user_error as describe_user_error
    from .base import did_you_mean as did_you_mean
    from .base import group_samples as group_samples
    from .base import group_sizes as group_sizes
    from .base import install_command as install_command
    from .base import installed_version as installed_version
    from .base import is_address as is_address
    from .base import is_on_purpose as is_on_purpose
    from .base import missing_package as missing_package
    from .base import output_errors as output_errors
    from .base import shorten as shorten
    from .base import substituents as substituents
    from .cards import ModelCard as ModelCard
    from .datasets import PERTURBATIONS as PERTURBATIONS
    from .datasets import DatasetInfo as DatasetInfo
    from .datasets import find_dataset as find_dataset
    from .datasets import list_datasets as list_datasets
    from .datasets import load_dataset as load_dataset
    from .datasets import mp2020_correction as mp2020_correction
    from .datasets import perturb as perturb
    from .datasets import read_dataset as read_dataset
    from .datasets import split_perturbations as split_perturbations
    from .depictions import Drawing as Drawing
    from .depictions import Geometry as Geometry
    from .depictions import depict as depict
    from .depictions import describe_sample as describe_sample
    from .depictions import draw as draw
    from .depictions import find_geometry as find_geometry
    from .depictions import frequent_element as frequent_element
    from .depictions import sequence_logo as sequence_logo
    from .depictions import structure_of as structure_of
    from .depictions import window as window
    from .embeddings import ID_RULES as ID_RULES
    from .embeddings import SelectionError as SelectionError
    from .embeddings import apply_id_rule as apply_id_rule
    from .embeddings import check_output as check_output
    from .embeddings import embeddings_name as embeddings_name
    from .embeddings import is_embedding_file as is_embedding_file
    from .embeddings import read_embeddings as read_embeddings
    from .embeddings import rules_that_join as rules_that_join
    from .embeddings import to_numpy as to_numpy
    from .embeddings import write_embeddings as write_embeddings
    from .environments import Environment as Environment
    from .environments import describe as describe
    from .environments import keep_freed_memory as keep_freed_memory
    from .environments import list_environments as list_environments
    from .environments import remove_environment as remove_environment
    from .models import Model as Model
    from .models import StudyRow as StudyRow
    from .models import TorchHook as TorchHook
    from .models import changed_libraries as changed_libraries
    from .models import check_name as check_name
    from .models import find_card as find_card
    from .models import is_of_hyle as is_of_hyle
    from .models import list_models as list_models
    from .models import list_study as list_study
    from .models import load as load
    from .models import model_recipe as model_recipe
    from .models import pool as pool
    from .models import prepare as prepare
    from .models import register as register
    from .models import registered as registered
    from .models import registered_dir as registered_dir
    from .models import state_of as state_of
    from .models import weights_files as weights_files
    from .models import without_outdated as without_outdated
    from .nodes import NODE_KINDS as NODE_KINDS
    from .nodes import Nodes as Nodes
    from .nodes import split_node_id as split_node_id
    from .panels import PANEL_DIM as PANEL_DIM
    from .panels import BenchmarkSet as BenchmarkSet
    from .panels import Member as Member
    from .panels import Performance as Performance
    from .panels import ReferencePanel as ReferencePanel
    from .panels import find_benchmark as find_benchmark
    from .panels import list_benchmarks as list_benchmarks
    from .panels import load_panel as load_panel
    from .panels import randomise_weights as randomise_weights
    from .panels import write_panel as write_panel
    from .readers import is_sample_file as is_sample_file
    from .store import Entry as Entry
    from .store import Key as Key
    from .store import Store as Store
    from .weights import MissingWeightsError as MissingWeightsError
    from .weights import UnknownHashError as UnknownHashError
    from .weights import check_hashes as check_hashes
    from .weights import fetch as fetch
    from .weights import pin_hashes as pin_hashes
    from .weights import weights_origin as weights_origin
    from .weights import weights_version as weights_version
else:
    _import, __dir__, __all__ = lazy_names(__name__, __file__)
    _RENAMED = {"expect": "pin_hashes", "Score": "Performance"}

    def __getattr__(name: str) -> Any:
        if name in _RENAMED:
            message = f"hyle.zoo.{name} is now called {_RENAMED[name]}; the old name is accepted in this release only"
            warnings.warn(message, FutureWarning, stacklevel=2)
            return _import(_RENAMED[name])
        return _import(name)
