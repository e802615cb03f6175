"""The page of a training run: its curves as static SVG, with tooltips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..comparison import text
from ..figures import DARK
from ._environment import environment
from ._static import inline

if TYPE_CHECKING:
    import xarray as xr


def render_history(history: xr.Dataset, spec: dict[str, Any]) -> str:
    """Return the page of a history as HTML text.

    Args:
        history: as returned by `hyle.engine.load_history`.
        spec: Vega-Lite specification of its curves.
    """
    steps = history["step"].values
    others = [str(other) for other in history["other"].values] if "other" in history.coords else []
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            drawn=inline(spec, "history", others),
            description=spec.get("description", ""),
            attrs={str(key): str(value) for key, value in history.attrs.items()},
            version=text(history.attrs, "hyle_version"),
            others=others,
            steps=f"{int(steps.min()):,} to {int(steps.max()):,}" if steps.size else "none",
            dark=DARK,
        )
    )
