"""The ``hyle`` command: click in `commands`, what they do in `jobs`; then figures, the report, the benchmark."""

from .main import cli as cli
from .main import main as main
