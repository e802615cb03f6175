"""Set before torch is imported: its waiting threads must not spin, which would starve a machine with two cores."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
