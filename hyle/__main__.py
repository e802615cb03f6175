"""``python -m hyle`` is ``hyle``."""

from hyle.cli import main

main()
