"""The intrinsic dimension of each model's embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import errors, estimate, integer, modalities, model_names, per_model, text
from .palette import INK, MUTED, config, modality_scale

if TYPE_CHECKING:
    import xarray as xr


def dimension_bars(comparison: xr.Dataset, metric: str = "intrinsic_dimension") -> alt.LayerChart:
    """Return one bar per model, smallest first, coloured by modality, with its standard error where there is one."""
    attrs = comparison[metric].attrs
    label = text(attrs, "long_name") or metric.replace("_", " ")
    rows = _rows(comparison, metric)
    order = [row["model"] for row in sorted(rows, key=lambda row: np.inf if row["value"] is None else row["value"])]
    domain, colours = modality_scale([row["modality"] for row in rows])
    y = alt.Y("model:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8))
    # Leave room for the number at the end of the longest bar.
    largest = 1.12 * max([row["high"] for row in rows if row["high"] is not None], default=1.0)
    scale = alt.Scale(domain=[0, largest], nice=False)
    x = alt.X("value:Q", title=label, scale=scale, axis=alt.Axis(tickCount=5, domain=False))
    colour = alt.Color(
        "modality:N",
        scale=alt.Scale(domain=domain, range=colours),
        legend=None if domain == ["unknown"] else alt.Legend(title=None, orient="top", symbolType="square"),
    )
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("modality:N"),
        alt.Tooltip("exact:N", title=label),
        alt.Tooltip("width:N", title="width of the embedding"),
        alt.Tooltip("n_used:N", title="samples used"),
        alt.Tooltip("recipe:N", title="estimator"),
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y, tooltip=tooltip)
    bars = base.transform_filter("isValid(datum.value)").mark_bar(cornerRadiusEnd=2, height={"band": 0.66})
    at_end = alt.X("high:Q", title=label)
    values = base.transform_filter("isValid(datum.value)").mark_text(align="left", dx=5, fontSize=11, color=INK)
    without = base.transform_filter("!isValid(datum.value)").mark_text(align="left", dx=5, fontSize=11, color=MUTED)
    error_bars = base.transform_filter("datum.high > datum.low").mark_rule(strokeWidth=1.6, color=INK)
    layers = [
        bars.encode(x=x, color=colour),
        *([error_bars.encode(x=alt.X("low:Q", title=label), x2="high:Q")] if _with_errors(rows) else []),
        values.encode(x=at_end, text="shown:N"),
        without.encode(x=alt.value(0), text=alt.value("not defined")),
    ]
    return alt.LayerChart(layer=layers).properties(
        width=350, height=alt.Step(25), description=_description(label, rows), config=config()
    )


def _rows(comparison: xr.Dataset, metric: str) -> list[dict[str, Any]]:
    attrs = comparison[metric].attrs
    n = integer(attrs.get("n", comparison.attrs.get("n")))
    k = integer(attrs.get("k"))
    recipe = text(attrs, "estimator") + (f", k = {k}" if k is not None else "")
    columns = zip(
        model_names(comparison),
        modalities(comparison),
        comparison[metric].values.astype(float),
        errors(comparison, metric),
        per_model(comparison, "dim"),
        per_model(comparison, f"{metric}_n_used"),
        strict=True,
    )
    return [
        {
            "model": model,
            "modality": modality,
            "value": float(value) if np.isfinite(value) else None,
            "low": float(value - (error if np.isfinite(error) else 0)) if np.isfinite(value) else None,
            "high": float(value + (error if np.isfinite(error) else 0)) if np.isfinite(value) else None,
            "shown": f"{value:.1f}",
            "exact": estimate(value, error, 3) if np.isfinite(value) else "not defined",
            "width": "not given" if width is None else str(int(width)),
            "n_used": "not given" if n is None else str(n) if used is None else f"{int(used)} of {n}",
            "recipe": recipe or "not given",
        }
        for model, modality, value, error, width, used in columns
    ]


def _with_errors(rows: list[dict[str, Any]]) -> bool:
    return any(row["value"] is not None and row["high"] > row["low"] for row in rows)


def _description(label: str, rows: list[dict[str, Any]]) -> str:
    defined = [row["value"] for row in rows if row["value"] is not None]
    description = f"Bar chart of the {label} of {len(rows)} models"
    if not defined:
        return f"{description}; none is defined."
    return f"{description}, from {min(defined):.1f} to {max(defined):.1f}."
