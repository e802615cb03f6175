"""Options that several commands share."""

from .common import default_store as default_store
from .common import json_option as json_option
from .common import json_text as json_text
from .common import print_json as print_json
from .common import renamed_option as renamed_option
from .common import split as split
from .common import store_option as store_option
from .common import stored_options as stored_options
from .measure import CompareOptions as CompareOptions
from .measure import metric_options as metric_options
from .samples import SampleSelection as SampleSelection
from .samples import dataset_options as dataset_options
