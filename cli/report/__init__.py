"""Report of a Comparison: one self-contained HTML file that opens without a network."""

from ._findings import summary as summary
from ._linked import linked as linked
from ._page import render_report as render_report
from ._page import vega as vega
from ._page import write_report as write_report
