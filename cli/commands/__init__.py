"""One file per command: a plain function that does the job, and ``command``, the click command that calls it.

To add a command, add a file here; `hyle --help` finds it.
"""
