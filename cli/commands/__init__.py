"""One file per command: its options and its output; the work is done by `hyle.cli.jobs`.

To add a command, add a file here with a click command called ``command``; `hyle --help` finds it.
"""
