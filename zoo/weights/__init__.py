"""Sources of weights (carriers, a hub, the web), verified by SHA-256."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .carriers import fetch_member as fetch_member
    from .carriers import verify_member as verify_member
    from .hashes import UnknownHashError as UnknownHashError
    from .hashes import check_hashes as check_hashes
    from .hashes import pin_hashes as pin_hashes
    from .hub import PREFIX as PREFIX
    from .hub import MissingWeightsError as MissingWeightsError
    from .hub import cached_files as cached_files
    from .hub import fetch as fetch
    from .hub import hub_files as hub_files
    from .hub import hub_folder as hub_folder
    from .onnx import onnx_weights as onnx_weights
    from .pickles import module_state as module_state
    from .pickles import plain_data as plain_data
    from .pickles import tensors_only as tensors_only
    from .urls import cached_urls as cached_urls
    from .urls import url_files as url_files
    from .version import weights_origin as weights_origin
    from .version import weights_version as weights_version
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
