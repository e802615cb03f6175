"""A Comparison as text and as HTML for a notebook: a table of its metrics, and the heat map of the first."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
import xarray as xr

from .frame import chance_values, is_directed, pair_values, to_frame
from .schema import metric_facts, metric_names

# Larger heat maps have no room for numbers; the most aligned pairs are listed instead.
MAX_HEAT_MAP = 16
LISTED_PAIRS = 10
LISTED_NAMES = 12
MAX_NAME = 40  # characters
# From this opacity on, white text has more contrast than black on a white background.
WHITE_INK = 0.85
NOT_SIGNIFICANT = "≈"
# Blue on the better side of chance, orange on the worse, over the background of the notebook, light or dark.
_BETTER, _WORSE = "36,97,162", "182,95,35"
_STYLE = (
    "<style>.hyle-comparison{overflow-x:auto}"
    ".hyle-comparison table{border-collapse:collapse;margin:.5em 0;color:inherit;font-size:inherit;"
    "font-variant-numeric:tabular-nums}"
    ".hyle-comparison :is(td,th){padding:.15em .4em;text-align:right;font-weight:normal;white-space:nowrap}"
    ".hyle-comparison :is(th:first-child,caption){text-align:left}"
    ".hyle-comparison .s{color:#fff}.hyle-comparison .o{opacity:.5}</style>"
)


def can_be_shown(comparison: xr.Dataset) -> bool:
    """Return whether a Comparison has metrics, and none with dimensions besides ``model`` and ``other``."""
    pairs, singles = metric_names(comparison), metric_names(comparison, "single")
    return bool(
        (pairs or singles)
        and all(set(comparison[name].dims) == {"model", "other"} for name in pairs)
        and all(set(comparison[name].dims) == {"model"} for name in singles)
    )


def as_text(comparison: xr.Dataset) -> str:
    """Return the models and a table of the metrics."""
    table = _summary(comparison)
    names = [_printable(name) for name in comparison["model"].values[:LISTED_NAMES]]
    more = ", ..." * (comparison.sizes["model"] > LISTED_NAMES)
    lines = [list(table.columns), *table.values.tolist()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    rows = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    return "\n".join([f"<{_title(comparison)}: {', '.join(names)}{more}>", *rows])


def as_html(comparison: xr.Dataset) -> str:
    """Return the table of the metrics and the heat map of the first pair metric, or the most aligned pairs."""
    parts = [_STYLE, f"<strong>{html.escape(_title(comparison))}</strong>", _summary_table(comparison)]
    pairs = metric_names(comparison)
    if pairs:
        first = "cka" if "cka" in pairs else pairs[0]
        small = max(comparison.sizes["model"], comparison.sizes["other"]) <= MAX_HEAT_MAP
        parts.append(_heat_map(comparison, first) if small else _top_pairs(comparison, first))
    return f'<div class="hyle-comparison">{"".join(parts)}</div>'


def _title(comparison: xr.Dataset) -> str:
    n, m = comparison.attrs.get("n"), comparison.sizes["model"]
    return f"Comparison of {m} model{'s' * (m != 1)}" + (f", {n} samples" if n is not None else "")


def _summary(comparison: xr.Dataset) -> pd.DataFrame:
    """Return one row of text for each metric: its value or values, its chance level, and what is significant."""
    frame = to_frame(comparison)
    single_pair = comparison.sizes["model"] == 2 and metric_names(comparison)
    rows = []
    for name, values in frame.groupby("metric", sort=False):
        row = {"metric": _label(comparison, str(name))}
        numbers = values["value"].dropna()
        if single_pair and len(values) == 1:
            row["value"] = _number(numbers.iloc[0] if len(numbers) else float("nan"))
        else:
            row |= {key: _number(getattr(numbers, key)()) for key in ("min", "median", "max")}
        row["chance"] = _number(values["chance"].median()) if values["chance"].notna().any() else "–"
        tested = values["q"].dropna()
        if "value" in row and len(tested):
            row["p"] = f"{values['p'].iloc[0]:.2g}"
        elif len(tested):
            alpha = _alpha(comparison, str(name))
            row["significant"] = f"{int((tested <= alpha).sum())} of {len(tested)}"
        rows.append(row)
    order = ["metric", "value", "min", "median", "max", "chance", "p", "significant"]
    table = pd.DataFrame(rows).fillna("–")
    return table[[column for column in order if column in table]]


def _summary_table(comparison: xr.Dataset) -> str:
    table = _summary(comparison)
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in table.columns)
    rows = "".join(
        _row(line[0], "".join(f"<td>{html.escape(text)}</td>" for text in line[1:])) for line in table.values.tolist()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _heat_map(comparison: xr.Dataset, name: str) -> str:
    values, strength = pair_values(comparison, name), _strength(comparison, name)
    alpha = _alpha(comparison, name)
    not_significant = pair_values(comparison, name, "q") > alpha
    models, others = ([str(each) for each in comparison[dim].values] for dim in ("model", "other"))
    same = models == others
    # Columns have the numbers of the rows, which keeps them narrow whatever the names are.
    heads = [str(j) for j in range(1, len(others) + 1)] if same else [_printable(other) for other in others]
    rows = []
    for i, model in enumerate(models):
        marks = [NOT_SIGNIFICANT if each else "" for each in not_significant[i]]
        cells = [_cell(values[i, j], strength[i, j], marks[j], model == other) for j, other in enumerate(others)]
        rows.append(_row((f"{i + 1} " if same else "") + _printable(model), "".join(cells)))
    caption = html.escape(_label(comparison, name))
    if is_directed(comparison, name):
        caption += ", from row to column"
    if not_significant.any():
        caption += f"; {NOT_SIGNIFICANT} not significantly above chance (q &gt; {alpha:g})"
    columns = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    return (
        f"<table><caption>{caption}</caption><thead><tr><td></td>{columns}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(head: str, cells: str) -> str:
    return f'<tr><th scope="row">{html.escape(head)}</th>{cells}</tr>'


def _cell(value: float, strength: float, mark: str, itself: bool) -> str:
    if not np.isfinite(value):
        return "<td>–</td>"
    text = _number(value, 2) + mark
    if itself:
        return f'<td class="o">{text}</td>'
    opacity = min(abs(strength), 1.0)
    colour = f"rgba({_BETTER if strength >= 0 else _WORSE},{opacity:.2f})"
    return f'<td{" class=s" if opacity > WHITE_INK else ""} style="background:{colour}">{text}</td>'


def _top_pairs(comparison: xr.Dataset, name: str) -> str:
    frame = to_frame(comparison, [name]).dropna(subset="value")
    best = frame.sort_values("value", ascending=not metric_facts(comparison, name).higher_is_better, kind="stable")
    joint = " → " if is_directed(comparison, name) else " – "
    pairs = zip(best["model"], best["other"], best["value"], strict=True)
    rows = "".join(
        _row(_printable(model) + joint + _printable(other), f"<td>{_number(value)}</td>")
        for model, other, value in list(pairs)[:LISTED_PAIRS]
    )
    caption = html.escape(_label(comparison, name))
    caption += f": the {min(LISTED_PAIRS, len(best))} most aligned of {len(best)} pairs"
    return f"<table><caption>{caption}</caption><tbody>{rows}</tbody></table>"


def _strength(comparison: xr.Dataset, name: str) -> np.ndarray:
    """Return the distance of each score from its chance level, 1 at the best value of the metric, negative if worse."""
    facts, chance = metric_facts(comparison, name), chance_values(comparison, name)
    known = chance[np.isfinite(chance)]
    origin = float(np.median(known)) if known.size else facts.worst
    excess = (pair_values(comparison, name) - np.where(np.isfinite(chance), chance, origin)) * facts.sign
    return np.asarray(excess / (abs(facts.best - origin) or 1.0))


def _alpha(comparison: xr.Dataset, name: str) -> float:
    return float(comparison[f"{name}_q"].attrs.get("alpha", 0.05)) if f"{name}_q" in comparison else 0.05


def _label(comparison: xr.Dataset, name: str) -> str:
    return _printable(comparison[name].attrs.get("long_name") or name)


def _printable(name: object) -> str:
    """Return a name as one line of at most `MAX_NAME` characters."""
    text = "".join(character if character.isprintable() else "�" for character in str(name))
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"


def _number(value: float, digits: int = 3) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text
