"""The chart of a results file: the engine and its peers, one row per metric, seconds on a logarithmic axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt

from hyle.cli.figures import INK, MUTED, PAPER, RULE, config, vega_lite_version

from .metrics import METRICS
from .results import ENGINE, Results, study_sum
from .text import seconds, times

BLUE, STUDY = "#2461a2", "all of the study at once"
ROW, WIDTH = 40, 540


def shown(row: dict[str, Any]) -> str:
    """Format a time without the star for background load, which only the table explains."""
    return seconds(row | {"others": None})


def rows(results: Results, case: str) -> list[dict[str, Any]]:
    """Return one point per tool and metric; the fastest peer is labelled with its name and its time ratio."""
    points: list[dict[str, Any]] = []
    for metric in METRICS:
        engine, peers = results.find(case, ENGINE, metric), results.peers(case, metric)
        if engine is None or not peers:
            continue
        point = {"metric": METRICS[metric].title, "tool": ENGINE, "seconds": engine["seconds"]}
        points.append(point | {"kind": "engine", "text": shown(engine)})
        for rank, peer in enumerate(peers):
            text = f"{peer['tool']}, {times(peer, engine)}" if rank == 0 else ""
            point = {"metric": METRICS[metric].title, "tool": peer["tool"], "seconds": peer["seconds"]}
            points.append(point | {"kind": "fastest peer" if rank == 0 else "other peers", "text": text})
    study = results.find(case, ENGINE, "study")
    total, named, missing = study_sum(results, case)
    # A sum over some of the metrics is not comparable with all of them.
    if study and named and not missing:
        point = {"metric": STUDY, "kind": "engine", "seconds": study["seconds"], "text": shown(study)}
        points.append(point | {"tool": ENGINE})
        text = f"fastest peers, summed, {times({'seconds': total}, study)}"
        points.append({"metric": STUDY, "kind": "fastest peer", "seconds": total, "tool": "sum", "text": text})
    return points


def chart(results: Results) -> alt.LayerChart | None:
    """Build the chart of the first all-pairs case; return None if no metric has a peer."""
    cases = results.named("all")
    data = rows(results, cases[0]["name"]) if cases else []
    if not data:
        return None
    case = cases[0]
    order = list(dict.fromkeys(row["metric"] for row in data))
    kinds = ["engine", "fastest peer", "other peers"]
    low, high = min(row["seconds"] for row in data), max(row["seconds"] for row in data)
    base = alt.Chart(alt.InlineData(values=data)).encode(
        y=alt.Y(
            "metric:N",
            sort=order,
            title=None,
            # Leave room for viewers whose font is wider than the one used for drawing.
            axis=alt.Axis(grid=True, ticks=False, domain=False, labelLimit=240, minExtent=200),
        ),
        x=alt.X(
            "seconds:Q",
            title="seconds, logarithmic",
            # Leave room for the name of the fastest peer next to the last point.
            scale=alt.Scale(type="log", domain=[low / 2, high * (high / low) ** 0.4], nice=False),
            axis=alt.Axis(tickCount=6, format="~s"),
        ),
    )
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[BLUE, INK, RULE]),
        legend=alt.Legend(orient="top", title=None, symbolType="circle", symbolSize=90),
    )
    other_points = base.transform_filter("datum.kind == 'other peers'").mark_point(
        filled=True, size=60, opacity=1, stroke=MUTED
    )
    points = base.transform_filter("datum.kind != 'other peers'").mark_point(
        filled=True, size=110, opacity=1, stroke=PAPER, strokeWidth=1
    )
    peer_labels = base.transform_filter("datum.kind == 'fastest peer'").mark_text(
        fontSize=11, dy=13, align="left", dx=-4, color=INK
    )
    engine_labels = base.transform_filter("datum.kind == 'engine'").mark_text(
        fontSize=11, dy=-11, color=BLUE, fontWeight="bold"
    )
    facts = results.machine
    title = alt.TitleParams(
        f"All pairs of {len(case['widths'])} models, {case['n']:,} samples",
        subtitle=f"hyle's engine and its peers on the same inputs, warm; {facts['cpu']}, {facts['cores']} cores",
    )
    description = f"Seconds of hyle's engine and of its peers for {len(order)} metrics, on a logarithmic axis."
    labels = [marks.encode(text="text:N") for marks in (engine_labels, peer_labels)]
    layers = [other_points.encode(colour), points.encode(colour), *labels]
    return alt.LayerChart(layer=layers).properties(
        width=WIDTH, height=ROW * len(order) + 20, title=title, description=description, config=config()
    )


def save_chart(results: Results, path: Path) -> Path | None:
    """Write the chart as SVG; return its path, or None if there is nothing to show."""
    import vl_convert

    layered = chart(results)
    if layered is None:
        return None
    path.write_text(vl_convert.vegalite_to_svg(layered.to_dict(), vl_version=vega_lite_version()))
    return path
