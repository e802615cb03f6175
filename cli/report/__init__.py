"""Report of a Comparison: one self-contained HTML file that opens without a network."""

from ._findings import answer as answer
from ._findings import summary as summary
from ._history import render_history as render_history
from ._maps import map_parts as map_parts
from ._page import render_report as render_report
from ._page import write_report as write_report
from ._recipes import recipe_table as recipe_table
from ._references import linked_parts as linked_parts
from ._references import references as references
from ._static import inline as inline
from ._two import strips as strips
from ._vega import vega as vega
