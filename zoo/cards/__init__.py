"""Model cards: the facts of each model as data, and the TOML files that contain them."""

from .card import Modality as Modality
from .card import ModelCard as ModelCard
from .card import Weights as Weights
from .parse import current_names as current_names
from .parse import parse_card as parse_card
