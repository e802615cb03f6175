"""The ``hyle`` command: one file per job in ``commands``, each a plain function and the click command that calls it."""

from ._main import main as main
