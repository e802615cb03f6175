"""The chart of a results file: the engine against its peers, one row a metric, seconds on a logarithmic axis."""

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
    """Return a time without the star, which the table explains."""
    return seconds(row | {"others": None})


def rows(results: Results, case: str) -> list[dict[str, Any]]:
    """Return one point per tool and metric; the fastest peer carries its name and how many times as long it takes."""
    found: list[dict[str, Any]] = []
    for metric in METRICS:
        own, peers = results.find(case, ENGINE, metric), results.peers(case, metric)
        if own is None or not peers:
            continue
        point = {"metric": METRICS[metric].title, "kind": "engine", "seconds": own["seconds"], "text": shown(own)}
        found.append(point | {"tool": ENGINE})
        for rank, peer in enumerate(peers):
            text = f"{peer['tool']}, {times(peer, own)}" if rank == 0 else ""
            point = {"metric": METRICS[metric].title, "tool": peer["tool"], "seconds": peer["seconds"]}
            found.append(point | {"kind": "fastest peer" if rank == 0 else "other peers", "text": text})
    study = results.find(case, ENGINE, "study")
    total, named, missing = study_sum(results, case)
    # The sum of some is no match for all.
    if study and named and not missing:
        point = {"metric": STUDY, "kind": "engine", "seconds": study["seconds"], "text": shown(study)}
        found.append(point | {"tool": ENGINE})
        text = f"fastest peers, summed, {times({'seconds': total}, study)}"
        found.append({"metric": STUDY, "kind": "fastest peer", "seconds": total, "tool": "sum", "text": text})
    return found


def chart(results: Results) -> alt.LayerChart | None:
    """Return the chart of the first all-pairs case, None where it has no metric with a peer."""
    cases = results.named("all")
    found = rows(results, cases[0]["name"]) if cases else []
    if not found:
        return None
    case = cases[0]
    order = list(dict.fromkeys(row["metric"] for row in found))
    kinds = ["engine", "fastest peer", "other peers"]
    low, high = min(row["seconds"] for row in found), max(row["seconds"] for row in found)
    base = alt.Chart(alt.InlineData(values=found)).encode(
        y=alt.Y(
            "metric:N",
            sort=order,
            title=None,
            # Room for a font that is wider than the one the picture was drawn with.
            axis=alt.Axis(grid=True, ticks=False, domain=False, labelLimit=240, minExtent=200),
        ),
        x=alt.X(
            "seconds:Q",
            title="seconds, logarithmic",
            # Room for the name of the fastest peer beside the last point.
            scale=alt.Scale(type="log", domain=[low / 2, high * (high / low) ** 0.4], nice=False),
            axis=alt.Axis(tickCount=6, format="~s"),
        ),
    )
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[BLUE, INK, RULE]),
        legend=alt.Legend(orient="top", title=None, symbolType="circle", symbolSize=90),
    )
    others = base.transform_filter("datum.kind == 'other peers'").mark_point(
        filled=True, size=60, opacity=1, stroke=MUTED
    )
    points = base.transform_filter("datum.kind != 'other peers'").mark_point(
        filled=True, size=110, opacity=1, stroke=PAPER, strokeWidth=1
    )
    peers = base.transform_filter("datum.kind == 'fastest peer'").mark_text(
        fontSize=11, dy=13, align="left", dx=-4, color=INK
    )
    own = base.transform_filter("datum.kind == 'engine'").mark_text(fontSize=11, dy=-11, color=BLUE, fontWeight="bold")
    facts = results.machine
    title = alt.TitleParams(
        f"All pairs of {len(case['widths'])} models, {case['n']:,} samples",
        subtitle=f"hyle's engine and its peers on the same inputs, warm; {facts['cpu']}, {facts['cores']} cores",
    )
    said = f"Seconds of hyle's engine and of its peers for {len(order)} metrics, on a logarithmic axis."
    layers = [others.encode(colour), points.encode(colour), own.encode(text="text:N"), peers.encode(text="text:N")]
    return alt.LayerChart(layer=layers).properties(
        width=WIDTH, height=ROW * len(order) + 20, title=title, description=said, config=config()
    )


def save_chart(results: Results, path: Path) -> Path | None:
    """Write the chart as SVG; return its path, None where there is nothing to show."""
    import vl_convert

    found = chart(results)
    if found is None:
        return None
    path.write_text(vl_convert.vegalite_to_svg(found.to_dict(), vl_version=vega_lite_version()))
    return path
