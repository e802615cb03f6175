"""Training next to reference models: an alignment monitor, its history, and distillation."""

from typing import Any

from ..base import renamed_attribute as _renamed_attribute
from .alignment_monitor import AlignmentMonitor as AlignmentMonitor
from .alignment_monitor import Measurement as Measurement
from .checkpoints import OtherRunError as OtherRunError
from .distillation import Distilled as Distilled
from .distillation import distill as distill
from .distillation import in_batches as in_batches
from .history import History as History
from .history import load_history as load_history
from .history import save_history as save_history
from .labels import MIN_SELECT as MIN_SELECT
from .labels import check_finite as check_finite
from .settings import LOSSES as LOSSES
from .settings import Select as Select
from .settings import Settings as Settings

__all__ = [
    "LOSSES",
    "MIN_SELECT",
    "AlignmentMonitor",
    "Distilled",
    "History",
    "Measurement",
    "OtherRunError",
    "Select",
    "Settings",
    "check_finite",
    "distill",
    "in_batches",
    "load_history",
    "save_history",
]

_RENAMED = {"AlignmentProbe": "AlignmentMonitor", "distil": "distill"}


def __getattr__(name: str) -> Any:
    return _renamed_attribute(__name__, name, _RENAMED, globals())
