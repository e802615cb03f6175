"""Training beside a panel of references: a probe of alignment, its history, and distillation."""

from .alignment_probe import AlignmentProbe as AlignmentProbe
from .alignment_probe import Measurement as Measurement
from .distillation import Distilled as Distilled
from .distillation import distil as distil
from .distillation import in_batches as in_batches
from .history import History as History
from .history import load_history as load_history
from .history import save_history as save_history
from .settings import LOSSES as LOSSES
from .settings import Settings as Settings
