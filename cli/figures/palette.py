"""Colours and fonts of all figures: light colours for paper, and a dark counterpart of each for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..comparison import CONTROL

if TYPE_CHECKING:
    import altair as alt

PAPER, INK, MUTED, RULE = "#ffffff", "#1f262e", "#5d6874", "#d9dee3"
SELF, ON_STRONG = "#e3e6e9", "#fffffe"

# Equal steps of CIELAB lightness (96 to 22, and 17 to 85 on the dark card), so that equal differences of a score
# look equally large, also in greyscale print and to colour-blind readers.
_ABOVE = ["#f3f5f6", "#bce1e8", "#8bcadd", "#60b1d2", "#3e97c6", "#2a7cb6", "#2461a2", "#244789", "#222f6b"]
_ABOVE_DARK = [
    "#28292e",
    "#303c53",
    "#325275",
    "#2e6992",
    "#2782a9",
    "#2b9bba",
    "#43b4c7",
    "#69cbd1",
    "#96e1dc",
]
_BELOW_END, _BELOW_END_DARK = "#b65f23", "#cc8d53"
_BELOW_STEPS = 32

# Paul Tol's "bright" scheme, which colour-blind readers can distinguish.
_MODALITIES = {
    "string": ("#4477aa", "#7fb0e0"),
    "graph": ("#ccbb44", "#e2d36f"),
    "atoms": ("#228833", "#56bb6b"),
    "protein": ("#66ccee", "#8adcf5"),
    "text": ("#aa3377", "#db7bb2"),
    "control": ("#8b939c", "#939ba5"),
    "unknown": ("#5f9490", "#86bdb8"),
}


# What two models of a pair have in common. The marks also differ in shape.
_PAIRS = {
    "same modality": ("#4477aa", "#7fb0e0", "circle"),
    "two modalities": ("#b65f24", "#d9985c", "diamond"),
    "with a control": ("#6b747e", "#aab3bd", "cross"),
    "models": ("#4477aa", "#7fb0e0", "circle"),
}


def _mix(first: str, second: str, share: float) -> str:
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (first, second)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


_BELOW, _BELOW_DARK = (
    [_mix(start, end, i / _BELOW_STEPS) for i in range(_BELOW_STEPS + 1)]
    for start, end in ((_ABOVE[0], _BELOW_END), (_ABOVE_DARK[0], _BELOW_END_DARK))
)

DARK: dict[str, str] = {
    PAPER: "#1a1d22",
    INK: "#e8eaed",
    MUTED: "#9aa4af",
    RULE: "#363c44",
    SELF: "#353a41",
    ON_STRONG: "#101317",
    **dict(zip(_BELOW, _BELOW_DARK, strict=True)),
    **dict(zip(_ABOVE, _ABOVE_DARK, strict=True)),
    **dict(_MODALITIES.values()),
    **{light: dark for light, dark, _ in _PAIRS.values()},
}
"""Dark counterpart of each light colour."""


def accents(count: int) -> list[str]:
    """Return the colours of one or two sets of samples."""
    return ["#3e97c6", "#bce1e8"][:count]


# Paul Tol's "bright" and "vibrant" schemes, in pairs for light and dark pages.
_CATEGORIES = [
    ("#4477aa", "#7fb0e0"),
    ("#ee7733", "#f29a66"),
    ("#228833", "#56bb6b"),
    ("#aa3377", "#db7bb2"),
    ("#ccbb44", "#e2d36f"),
    ("#33bbee", "#8adcf5"),
    ("#cc3311", "#ee6f55"),
    ("#6a4fa3", "#a890dc"),
    ("#009988", "#3fc9b9"),
    ("#8a5a2b", "#c9986a"),
]


def category_colours(*, dark: bool = False) -> list[str]:
    """Return ten colours of categories, the most frequent category first."""
    return [pair[dark] for pair in _CATEGORIES]


def deepening() -> list[str]:
    """Return a colour scale for points: from just visible to the deepest colour."""
    return _ABOVE[2:]


def modality_colour(kinds: list[str], *, legend: Any) -> alt.Color:
    """Return the colour encoding of the field ``modality``, without a legend where there is only one modality."""
    import altair as alt

    domain, colours = modality_scale(kinds)
    scale = alt.Scale(domain=domain, range=colours)
    return alt.Color("modality:N", scale=scale, legend=legend if len(domain) > 1 else None)


def modality_scale(present: list[str]) -> tuple[list[str], list[str]]:
    """Return the modalities in `present`, in a fixed order, and their colours."""
    named = [name for name in _MODALITIES if name in present]
    domain = named + sorted(set(present) - set(named))
    return domain, [_MODALITIES.get(name, _MODALITIES["unknown"])[0] for name in domain]


def pair_kind(first: str, second: str) -> str:
    """Return what the modalities of a pair of models have in common, a key of the scale of `pair_encoding`."""
    if CONTROL in (first, second):
        return "with a control"
    if (first, second) == ("unknown", "unknown"):
        return "models"
    return "same modality" if first == second else "two modalities"


def pair_encoding(present: list[str]) -> dict[str, Any]:
    """Return colour and shape of the field ``kind``, with one legend where there are several kinds of pairs."""
    import altair as alt

    domain = [kind for kind in _PAIRS if kind in present]
    legend = alt.Legend(orient="top", title=None, symbolStrokeWidth=0) if len(domain) > 1 else None
    colours, shapes = ([_PAIRS[kind][i] for kind in domain] for i in (0, 2))
    return {
        "color": alt.Color("kind:N", scale=alt.Scale(domain=domain, range=colours), legend=legend),
        "shape": alt.Shape("kind:N", scale=alt.Scale(domain=domain, range=shapes), legend=legend),
    }


def score_scale(level: float, best: float, lowest: float) -> tuple[list[float], list[str]]:
    """Return domain and range of a colour scale that is paper-pale at `level` and deepest at `best`.

    `lowest` is the worst value to show. On the worse side of chance the scale turns warm, at the same rate: the colour
    shows the distance from chance on either side.
    """
    last = len(_ABOVE) - 1
    domain = [level + (best - level) * i / last for i in range(len(_ABOVE))]
    beyond = (level - lowest) / (best - level)
    if beyond <= 0:
        return domain, list(_ABOVE)
    step = min(max(round(beyond * _BELOW_STEPS / 0.625), 1), _BELOW_STEPS)
    return [lowest, *domain], [_BELOW[step], *_ABOVE]


ABOVE_STEPS, BELOW_STEPS = 32, 8


def score_ramps(*, dark: bool = False) -> tuple[list[str], list[str]]:
    """Return the colours of scores in steps from the chance level: to the best value, and to equally far below it.

    The first colour of both is that of the chance level. There are `ABOVE_STEPS` + 1 colours above, and `BELOW_STEPS` +
    1 below, which end at a quarter of that distance.
    """
    anchors, end = (_ABOVE_DARK, _BELOW_END_DARK) if dark else (_ABOVE, _BELOW_END)
    above = []
    for step in range(ABOVE_STEPS + 1):
        at = step / ABOVE_STEPS * (len(anchors) - 1)
        low = min(int(at), len(anchors) - 2)
        above.append(_mix(anchors[low], anchors[low + 1], at - low))
    return above, [_mix(anchors[0], end, step / BELOW_STEPS * 0.7) for step in range(BELOW_STEPS + 1)]


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two hexadecimal sRGB colours as WCAG defines it, from 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of every figure."""
    font = "Helvetica Neue, Helvetica, Arial, sans-serif"
    return {
        "background": PAPER,
        "font": font,
        "padding": 6,
        "view": {"stroke": None},
        "scale": {"rectBandPaddingInner": 0.035},
        "axis": {
            "labelColor": INK,
            "titleColor": MUTED,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "gridColor": RULE,
            "gridOpacity": 0.7,
            "domainColor": RULE,
            "tickColor": RULE,
            "labelLimit": 190,
            # Otherwise the first and the last label are shifted inwards, over their neighbours.
            "labelFlush": False,
        },
        "legend": {
            "labelColor": INK,
            "titleColor": MUTED,
            "titleFontWeight": "normal",
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleLimit": 220,
            "symbolStrokeWidth": 0,
        },
        "title": {
            "color": INK,
            "subtitleColor": MUTED,
            "anchor": "start",
            "fontSize": 15,
            "subtitleFontSize": 12,
            "offset": 14,
        },
        "header": {"labelColor": INK, "titleColor": MUTED},
        "text": {"color": INK},
    }
