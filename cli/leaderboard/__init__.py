"""Leaderboard of `hyle leaderboard`: benchmark cards checked, ranked, and written as a static site."""

from .cards import Card as Card
from .cards import read_cards as read_cards
from .folder import check_folder as check_folder
from .folder import write_site as write_site
from .pages import render_site as render_site
from .ranking import rank_intervals as rank_intervals
