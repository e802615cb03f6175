"""The ``hyle`` command line: click commands in `commands`, the work they do as plain functions in `jobs`."""

from .main import cli as cli
from .main import main as main
