"""Benchmark of a model against the reference panels: `hyle benchmark`."""

from .benchmark import SCHEMA as SCHEMA
from .benchmark import benchmark as benchmark
from .benchmark import embedding_hash as embedding_hash
from .calibration import QuadrantCalibration as QuadrantCalibration
from .calibration import calibrate_quadrants as calibrate_quadrants
from .evaluation import METRICS as METRICS
from .evaluation import TooFewSamplesError as TooFewSamplesError
from .evaluation import evaluate_on_panel as evaluate_on_panel
from .panel_evaluation import PanelEvaluation as PanelEvaluation
from .panels import rebuild_panel as rebuild_panel
from .performance import scores_of as scores_of
from .performance import targets_of as targets_of
from .render import print_card as print_card
from .render import render_card as render_card
from .set_data import as_data as as_data
from .subjects import Subject as Subject
from .subjects import find_subject as find_subject
