"""The templates of all pages of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def environment() -> Any:
    """Return the environment of the templates: texts are escaped, and an unknown name is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
