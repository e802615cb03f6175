"""Reference panels of ``hyle benchmark``."""

from .panel import PANEL_DIM as PANEL_DIM
from .panel import BenchmarkSet as BenchmarkSet
from .panel import Member as Member
from .panel import Performance as Performance
from .panel import ReferencePanel as ReferencePanel
from .panel import find_benchmark as find_benchmark
from .panel import list_benchmarks as list_benchmarks
from .panel import load_panel as load_panel
from .panel import write_panel as write_panel
from .untrained import randomise_weights as randomise_weights
