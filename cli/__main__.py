"""``python -m hyle.cli`` is ``hyle``."""

from . import main

main()
