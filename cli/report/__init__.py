"""Report of a Comparison: one self-contained HTML file that opens without a network."""

from ._contested_page import ContestedPage as ContestedPage
from ._contested_page import Listed as Listed
from ._contested_page import write_contested_page as write_contested_page
from ._findings import answer as answer
from ._findings import summary as summary
from ._history import render_history as render_history
from ._map_page import MOST_DRAWN as MOST_DRAWN
from ._map_page import DrawnPoints as DrawnPoints
from ._map_page import PointColour as PointColour
from ._map_page import draw_points as draw_points
from ._map_page import write_map_page as write_map_page
from ._maps import map_parts as map_parts
from ._matter import Pictured as Pictured
from ._matter import picture_row as picture_row
from ._neighbours_page import write_neighbours_page as write_neighbours_page
from ._page import render_report as render_report
from ._page import write_report as write_report
from ._recipes import recipe_table as recipe_table
from ._references import linked_parts as linked_parts
from ._references import references as references
from ._static import inline as inline
from ._two import strips as strips
from ._vega import vega as vega
