"""What a model is, as data: the fields of a card, and the TOML files that hold them."""

from .card import ModelCard as ModelCard
from .card import Weights as Weights
from .parse import current_names as current_names
from .parse import parse_card as parse_card
