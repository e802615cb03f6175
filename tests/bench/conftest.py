"""Make `bench` importable: it is not installed, and is imported from the root of the repository."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
