"""Models, data sets, extraction, and the store of embeddings.

Importing this package imports no model library: torch and the others load when a model is loaded.
"""

from ._adapter import Adapter as Adapter
from ._adapter import Output as Output
from ._cache import cache_dir as cache_dir
from ._cards import ModelCard as ModelCard
from ._cards import did_you_mean as did_you_mean
from ._cards import find_card as find_card
from ._cards import list_models as list_models
from ._corrections import mp2020_correction as mp2020_correction
from ._datasets import DatasetInfo as DatasetInfo
from ._datasets import find_dataset as find_dataset
from ._datasets import list_datasets as list_datasets
from ._datasets import load_dataset as load_dataset
from ._environments import Environment as Environment
from ._environments import describe as describe
from ._environments import list_environments as list_environments
from ._environments import remove_environment as remove_environment
from ._files import READERS as READERS
from ._files import read_embeddings as read_embeddings
from ._files import write_embeddings as write_embeddings
from ._hook import TorchHook as TorchHook
from ._hub import MissingWeightsError as MissingWeightsError
from ._hub import fetch as fetch
from ._keys import Key as Key
from ._memory import keep_freed_memory as keep_freed_memory
from ._models import MissingPackageError as MissingPackageError
from ._models import Model as Model
from ._models import load as load
from ._models import model_recipe as model_recipe
from ._models import prepare as prepare
from ._models import weights_files as weights_files
from ._panels import BenchmarkSet as BenchmarkSet
from ._panels import Member as Member
from ._panels import ReferencePanel as ReferencePanel
from ._panels import Score as Score
from ._panels import find_benchmark as find_benchmark
from ._panels import list_benchmarks as list_benchmarks
from ._panels import load_panel as load_panel
from ._panels import write_panel as write_panel
from ._pooling import pool as pool
from ._registered import check_name as check_name
from ._registered import register as register
from ._registered import registered as registered
from ._registered import registered_dir as registered_dir
from ._representation import Representation as Representation
from ._sample_files import read_dataset as read_dataset
from ._samples import Dataset as Dataset
from ._samples import Sample as Sample
from ._store import Store as Store
from ._study import StudyRow as StudyRow
from ._study import list_study as list_study
from ._urls import UnknownHashError as UnknownHashError
from ._urls import check_hashes as check_hashes
from ._urls import expect as expect
