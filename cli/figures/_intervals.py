"""Values of single models or of ways of ranking, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from ..comparison import number
from .palette import INK, MUTED, accents, config, modality_colour

if TYPE_CHECKING:
    from hyle.engine.analysis import Selection

    from ..results import ProbeResult, SampleCollapseResult, ShiftResult


def shift_chart(result: ShiftResult) -> alt.LayerChart:
    """Return the degree of shift of the second set for each model, with its 95 % interval."""
    rows = [
        {"model": name, "modality": result.kinds.get(name, "unknown"), "auc": one.auc, "ratio": one.ratio}
        | {"low": result.ends[name][0], "high": result.ends[name][1]}
        for name, one in sorted(result.shifts.items(), key=lambda item: item[1].auc)
    ]
    description = f"Degree of shift of the second set of samples in the space of {len(rows)} models; 0.5 is no shift."
    return _dots(rows, "model", "auc", "probability that a second sample is further out", 0.5, "no shift", description)


def collapse_chart(result: SampleCollapseResult) -> alt.LayerChart:
    """Return the change of the dimension around samples from the first to the second set for each model."""
    rows = [
        {"model": name, "modality": "", "ratio": one.value, "low": one.low, "high": one.high}
        for name, one in sorted(zip(result.models, result.found.dimension, strict=True), key=lambda item: item[1].value)
    ]
    description = f"Change of the intrinsic dimension around samples in {len(rows)} models; 1 is no change."
    return _dots(
        rows, "model", "ratio", "dimension around a sample, second set over first", 1.0, "no change", description
    )


def probe_chart(result: ProbeResult) -> alt.LayerChart:
    """Return the error of each probe, with one standard error, and the error of the median as a line."""
    rows = [
        {"model": name, "modality": result.kinds.get(name, "unknown"), "mae": one.mae, "r2": one.r2}
        | {"low": one.mae - one.se, "high": one.mae + one.se}
        for name, one in sorted(result.probes.items(), key=lambda item: item[1].mae)
    ]
    baseline = next(iter(result.probes.values())).baseline
    title = f"error of a probe of {result.label}"
    description = f"Mean absolute error of probes of {result.label} on {len(rows)} embeddings"
    description += f"; that of the median is {baseline:.3g}."
    return _dots(rows, "model", "mae", title, baseline, "median", description)


def selection_chart(result: Selection) -> alt.LayerChart:
    """Return the rank correlation of each way of ranking with accuracy, its 95 % interval, and chance as a line."""
    rows = [
        {"ranked_by": c.name, "modality": "", "correlation": c.correlation, "low": c.low, "high": c.high}
        | {"p": c.p, "regret": c.regret}
        for c in result.criteria
    ]
    description = f"Rank correlation of {len(rows)} ways of ranking {len(result.models)} models with their accuracy."
    return _dots(rows, "ranked_by", "correlation", "rank correlation with accuracy", 0.0, "chance", description)


def _dots(
    rows: list[dict[str, Any]], name: str, field: str, title: str, line: float, line_name: str, description: str
) -> alt.LayerChart:
    order = [row[name] for row in rows]
    ends = [row[end] for row in rows for end in ("low", "high") if row[end] == row[end]]
    ends += [line, *(row[field] for row in rows)]
    margin = 0.06 * (max(ends) - min(ends) or 1.0)
    scale = alt.Scale(domain=[min(ends) - margin, max(ends) + margin], nice=False)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y(
            f"{name}:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8, grid=True)
        ),
        tooltip=[
            alt.Tooltip(f"{key}:{'N' if isinstance(value, str) else 'Q'}", title=key.replace("_", " "))
            if isinstance(value, str)
            else alt.Tooltip(f"{key}:Q", title=key.replace("_", " "), format=".3f")
            for key, value in rows[0].items()
            if key != "modality" or value
        ],
    )
    x = alt.X(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5, grid=False))
    dots = base.mark_point(filled=True, size=90, opacity=1)
    kinds = [row["modality"] for row in rows]
    legend = alt.Legend(orient="top", title=None)
    colour: Any = modality_colour(kinds, legend=legend) if any(kinds) else alt.value(accents(1)[0])
    rule = alt.Chart(alt.InlineData(values=[{field: line}])).encode(x=x)
    layers = [
        rule.mark_rule(color=MUTED, strokeDash=[5, 4]),
        rule.mark_text(text=f"{line_name} {number(line, 2)}", color=MUTED, fontSize=11, align="left", dx=4, dy=4, y=0),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(color=INK, strokeWidth=1.6)
        .encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        dots.encode(x=x, color=colour),
    ]
    return alt.LayerChart(layer=layers).properties(
        width=360, height=alt.Step(26), description=description, config=config()
    )
