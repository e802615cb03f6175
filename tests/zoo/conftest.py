"""Before torch is imported: its threads must not spin while they wait, which starves a machine with two cores."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
