"""One file per metric: the function on arrays, and its facts as data in ``METRICS``.

To add a metric, add a file here; `compare`, the command line and the report find it.
"""
