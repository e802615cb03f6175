"""Built-in data sets, and data sets read from files."""

from .corrections import mp2020_correction as mp2020_correction
from .files import read_dataset as read_dataset
from .perturb import PERTURBATIONS as PERTURBATIONS
from .perturb import perturb as perturb
from .perturb import split_perturbations as split_perturbations
from .registry import DatasetInfo as DatasetInfo
from .registry import find_dataset as find_dataset
from .registry import list_datasets as list_datasets
from .registry import load_dataset as load_dataset
