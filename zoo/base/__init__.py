"""What all of the zoo is built on: errors, samples, files of the cache, and texts of messages."""

from typing import TYPE_CHECKING

from .lazy import lazy_names as lazy_names

if TYPE_CHECKING:
    from .addresses import check_local as check_local
    from .addresses import is_address as is_address
    from .addresses import store_address as store_address
    from .cache import CACHE_REMEDY as CACHE_REMEDY
    from .cache import cache_dir as cache_dir
    from .cache import check_replaceable as check_replaceable
    from .cache import file_sha256 as file_sha256
    from .cache import folder_digest as folder_digest
    from .cache import locked as locked
    from .cache import replace_atomically as replace_atomically
    from .errors import DownloadError as DownloadError
    from .errors import HyleError as HyleError
    from .errors import InputError as InputError
    from .errors import InputTypeError as InputTypeError
    from .errors import MissingFileError as MissingFileError
    from .errors import MissingPackageError as MissingPackageError
    from .errors import OperationError as OperationError
    from .errors import OutputError as OutputError
    from .errors import is_on_purpose as is_on_purpose
    from .errors import output_errors as output_errors
    from .groups import GROUP_KINDS as GROUP_KINDS
    from .groups import GROUP_STATES as GROUP_STATES
    from .groups import NODE_GROUP_KINDS as NODE_GROUP_KINDS
    from .groups import describe_repeats as describe_repeats
    from .groups import group_samples as group_samples
    from .groups import group_sizes as group_sizes
    from .imports import current_folder as current_folder
    from .imports import is_user_model as is_user_model
    from .installed import installed_version as installed_version
    from .levels import LEVELS as LEVELS
    from .missing import install_command as install_command
    from .missing import missing_package as missing_package
    from .protein_atoms import ProteinAtoms as ProteinAtoms
    from .rdkit import UNREADABLE as UNREADABLE
    from .rdkit import molecule as molecule
    from .rdkit import unreadable as unreadable
    from .representation import Representation as Representation
    from .samples import ROW_NUMBERS as ROW_NUMBERS
    from .samples import VIEWS as VIEWS
    from .samples import Dataset as Dataset
    from .samples import Sample as Sample
    from .substituents import substituents as substituents
    from .text import MAX_REASON as MAX_REASON
    from .text import did_you_mean as did_you_mean
    from .text import shorten as shorten
    from .text import shorten_names as shorten_names
    from .text import valid_text as valid_text
    from .torch_hooks import output_of as output_of
    from .torch_hooks import outputs_of as outputs_of
    from .units import HARTREE as HARTREE
    from .units import energy_unit as energy_unit
    from .user_code import describe_user_error as describe_user_error
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
