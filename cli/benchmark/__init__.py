"""A model against the reference panels: `hyle benchmark`."""

from .benchmark import benchmark as benchmark
from .card import print_card as print_card
from .card import render_card as render_card
from .panels import rebuild_panel as rebuild_panel
from .performance import scores_of as scores_of
from .standing import METRICS as METRICS
from .standing import Standing as Standing
from .standing import TooFewSamplesError as TooFewSamplesError
from .standing import as_data as as_data
from .standing import stand as stand
from .subjects import Subject as Subject
from .subjects import find_subject as find_subject
