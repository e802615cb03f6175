"""The page of two models: each metric with its interval, and the scores of permuted samples as a strip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import NOT_SIGNIFICANT, UNRESOLVED, PairScores, number

if TYPE_CHECKING:
    import xarray as xr

_WIDTH = 640.0
_ROWS = 5
_DOT = 3.2


@dataclass(frozen=True)
class Strip:
    """One metric of two models, in one direction.

    Args:
        score: the metric.
        title: its name, with the direction if it is directed.
        value: the score; "–" where it is not defined.
        interval: its 95 % interval, or empty.
        verdict: what the permutation test says.
        null: mean and range of the permuted scores as text, or why there are none.
        svg: the strip, empty without permutations.
        description: of the strip.
    """

    score: PairScores
    title: str
    value: str
    interval: str
    verdict: str
    null: str
    svg: str
    description: str


def strips(comparison: xr.Dataset, scores: Mapping[str, PairScores], names: list[str]) -> list[Strip]:
    """Return a strip for each metric of a Comparison of two models, two where its directions differ."""
    found = []
    for name, score in scores.items():
        samples = _samples(comparison, name)
        # Directions that agree to two digits are one row.
        both = score.directed and not abs(score.values[0, 1] - score.values[1, 0]) < 0.005
        for i, j in ((0, 1), (1, 0)) if both else ((0, 1),):
            title = f"{score.label}, {names[i]} → {names[j]}" if both else score.label
            null = samples[:, i, j] if samples is not None else np.empty(0)
            found.append(_strip(score, title, (i, j), null, _threshold(comparison, name, (i, j))))
    return found


def _samples(comparison: xr.Dataset, name: str) -> np.ndarray | None:
    variable = f"{name}_null_samples"
    if variable not in comparison:
        return None
    return np.asarray(comparison[variable].transpose(..., "model", "other").values.reshape(-1, 2, 2), float)


def _threshold(comparison: xr.Dataset, name: str, pair: tuple[int, int]) -> float:
    """Return the score that the permutations pass in a share alpha of cases; NaN where it is not in the Comparison."""
    variable = f"{name}_threshold"
    if variable not in comparison:
        return float("nan")
    return float(comparison[variable].transpose("model", "other").values[pair])


def _strip(score: PairScores, title: str, pair: tuple[int, int], samples: np.ndarray, threshold: float) -> Strip:
    value, samples = float(score.values[pair]), samples[np.isfinite(samples)]
    defined = np.isfinite(value)
    interval = ""
    if np.isfinite(score.low[pair]):
        interval = f"{number(score.low[pair], 3)} to {number(score.high[pair], 3)}"
    null = f"not tested; chance level {number(score.level, 3)}" if np.isfinite(score.level) else "not tested"
    if samples.size:
        ends = f"{number(samples.min(), 3)} to {number(samples.max(), 3)}"
        null = f"{number(samples.mean(), 3)} on average, {ends}, {samples.size} permutations"
    elif score.permutations and np.isfinite(score.chance[pair]):
        null = f"{number(score.chance[pair], 3)} on average, {score.permutations} permutations"
        if np.isfinite(threshold):
            side = "below" if score.higher_is_better else "above"
            null += f", {100 * (1 - score.alpha):.0f} % of them {side} {number(threshold, 3)}"
    shown = number(value, 3) if defined else "–"
    svg = ""
    if defined and (samples.size or np.isfinite(threshold)):
        svg = _draw(value, score, pair, samples, float(threshold))
    description = f"{title} {shown}; scores of permuted samples: {null}." if svg else ""
    return Strip(score, title, shown, interval, _verdict(score, pair), null, svg, description)


def _verdict(score: PairScores, pair: tuple[int, int]) -> str:
    if not np.isfinite(score.values[pair]):
        return "not defined: an embedding may be constant, or its neighbours may all be ties"
    if not np.isfinite(score.p[pair]):
        return "not tested"
    test = f"p\u00a0=\u00a0{score.p[pair]:.2g}"
    words = {
        NOT_SIGNIFICANT: "not significantly above chance",
        UNRESOLVED: "too few permutations for a test",
        "": "significantly above chance",
    }
    return f"{words[score.mark(pair)]}, {test}"


def _draw(value: float, score: PairScores, pair: tuple[int, int], samples: np.ndarray, threshold: float) -> str:
    """Return the permuted scores as a strip of dots, with the score and its interval marked.

    Where the permuted scores are not in the Comparison, a bar goes from their mean to the threshold.
    """
    mean = float(score.chance[pair])
    if not samples.size:
        samples = np.array([mean, threshold])
    bar = len(samples) == 2
    low, high = score.low[pair], score.high[pair]
    marks = [value, *(float(v) for v in (low, high) if np.isfinite(v))]
    ends = [
        *marks,
        float(samples.min()),
        float(samples.max()),
        0.0 if score.higher_is_better else score.best,
        score.best,
    ]
    start, stop = min(ends), max(ends)
    margin = 0.03 * (stop - start or 1.0)
    start, stop = start - margin, stop + margin

    def x(at: float) -> str:
        return f"{_WIDTH * (at - start) / (stop - start):.1f}"

    base, dots, heights = 62.0, [], dict.fromkeys(range(int(_WIDTH / (2 * _DOT)) + 2), 0)
    drawn = np.sort(samples)
    counts = np.bincount(((drawn - start) / (stop - start) * _WIDTH / (2 * _DOT)).astype(int))
    # Every dot is one permutation, or several where they would not fit.
    step = max(_DOT * 2, 1.0) if counts.max() * 2 * _DOT <= 46 else 46 / counts.max()
    for at in drawn:
        column = int((at - start) / (stop - start) * _WIDTH / (2 * _DOT))
        dots.append(f"M{(column + 0.5) * 2 * _DOT:.1f} {base - _DOT - heights[column] * step:.1f}h0")
        heights[column] += 1
    parts = [f'<line class="rail" x1="0" x2="{_WIDTH:g}" y1="{base}" y2="{base}"/>']
    if bar:
        place = f'x1="{x(mean)}" x2="{x(threshold)}" y1="{base - 7}" y2="{base - 7}"'
        parts.append(
            f'<line class="null-bar" {place}/><circle class="null-mean" cx="{x(mean)}" cy="{base - 7}" r="5"/>'
        )
    else:
        parts.append(f'<path class="null" d="{"".join(dots)}"/>')
    if np.isfinite(low):
        parts.append(f'<line class="interval" x1="{x(low)}" x2="{x(high)}" y1="{base}" y2="{base}"/>')
    parts.append(f'<line class="value" x1="{x(value)}" x2="{x(value)}" y1="14" y2="{base}"/>')
    parts.append(f'<circle class="value" cx="{x(value)}" cy="{base}" r="6"/>')
    ticks = _ticks(start, stop)
    for tick, label in ticks:
        parts.append(f'<text class="tick" x="{x(tick)}" y="{base + 20}">{label}</text>')
        parts.append(f'<line class="rail" x1="{x(tick)}" x2="{x(tick)}" y1="{base}" y2="{base + 5}"/>')
    return f'<svg viewBox="-14 0 {_WIDTH + 28:g} 88" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'


def _ticks(start: float, stop: float) -> list[tuple[float, str]]:
    """Return three to six round numbers between two ends."""
    size = 10 ** np.floor(np.log10(stop - start))
    step = next(s for s in (size * f for f in (0.1, 0.2, 0.5, 1.0)) if (stop - start) / s < 6.5)
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    first = int(np.ceil(start / step - 1e-9))
    return [(i * step, number(i * step, digits)) for i in range(first, int(np.floor(stop / step + 1e-9)) + 1)]


def two_parts(comparison: xr.Dataset, scores: Mapping[str, PairScores], names: list[str]) -> dict[str, Any]:
    """Return what the template needs: the first strip, which is drawn large, and the others."""
    first, *rest = strips(comparison, scores, names)
    return {"first": first, "rest": rest}
