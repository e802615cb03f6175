"""The script that draws the chart of the benchmark in the browser."""

from __future__ import annotations

import functools

from ..figures import vega_lite_version

# The bundle of vl-convert has none of the notices that its licences ask for.
VEGA_NOTICE = """/*! Vega, Vega-Lite and Vega-Embed: Copyright (c) University of Washington Interactive Data Lab.
All rights reserved. BSD 3-Clause License. With D3: Copyright (c) Mike Bostock. ISC License.
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
conditions of these licences are met; this software is provided "as is", without warranties of any kind.
https://github.com/vega/vega/blob/main/LICENSE https://github.com/d3/d3/blob/main/LICENSE */
"""


@functools.cache
def vega() -> str:
    """Return the script that draws the charts: Vega, Vega-Lite and Vega-Embed in one."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=vega_lite_version())
    return VEGA_NOTICE + bundle
