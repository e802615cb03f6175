"""Options that several commands share; a group of options reaches its command as one object."""

from typing import TYPE_CHECKING

from hyle.zoo import lazy_names

if TYPE_CHECKING:
    from .anchors import METHODS as METHODS
    from .anchors import AnchorOptions as AnchorOptions
    from .anchors import anchor_options as anchor_options
    from .common import LocalPath as LocalPath
    from .common import default_store as default_store
    from .common import figures_option as figures_option
    from .common import json_option as json_option
    from .common import json_text as json_text
    from .common import option_group as option_group
    from .common import print_json as print_json
    from .common import renamed_option as renamed_option
    from .common import report_folder_option as report_folder_option
    from .common import split as split
    from .common import store_option as store_option
    from .common import stored_options as stored_options
    from .devices import DeviceOptions as DeviceOptions
    from .devices import device_options as device_options
    from .files import FileSelection as FileSelection
    from .files import file_options as file_options
    from .files import is_file_source as is_file_source
    from .files import teacher_file_options as teacher_file_options
    from .measure import NO_GROUPS as NO_GROUPS
    from .measure import CompareOptions as CompareOptions
    from .measure import fit_default_k as fit_default_k
    from .measure import metric_options as metric_options
    from .measure import parse_groups as parse_groups
    from .measure import read_groups as read_groups
    from .rows import RowSelection as RowSelection
    from .rows import row_options as row_options
    from .rows import where_words as where_words
    from .samples import SampleSelection as SampleSelection
    from .samples import dataset_options as dataset_options
    from .sections import SectionedCommand as SectionedCommand
    from .training import TeacherSelection as TeacherSelection
    from .training import parse_losses as parse_losses
    from .training import teacher_options as teacher_options
    from .training import training_options as training_options
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
