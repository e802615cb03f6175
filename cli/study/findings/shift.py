"""Change of agreement out of distribution."""

from __future__ import annotations

from ..plan import SHIFT, StudyResults
from .finding import Finding, behind, num, verdict

METRICS = ("cknna", "distance_correlation", "information_imbalance")


def out_of_distribution(panels: StudyResults) -> Finding:
    """Compare the same models in and out of distribution, and measure the degree of shift."""
    import numpy as np

    from hyle.engine.analysis import degree_of_shift, factors, regimes

    inside, outside = (panels[name] for name in SHIFT)
    changes = {one.metric: one for one in regimes(inside.comparison, outside.comparison)}
    sentences = [
        f"{_words(name)} beyond chance: {num(changes[name].inside, 3)} to {num(changes[name].outside, 3)} "
        f"(95 % of the change {num(changes[name].low, 3)} to {num(changes[name].high, 3)}; {changes[name].rising:.0%} "
        "of pairs rise)."
        for name in METRICS
    ]
    shares = [{f.name: f.share - f.by_chance for f in factors(p.comparison, "cknna")} for p in (inside, outside)]
    explained = [f"{_words(n)} {s:.0%} to {shares[1][n]:.0%}" for n, s in shares[0].items() if n in shares[1]]
    shifted = {rep.name: rep for rep in outside.representations}
    aucs = [
        degree_of_shift(rep.embedding, shifted[rep.name].embedding).auc
        for rep in inside.representations
        if rep.name in shifted and rep.recipe.get("model") not in ("random", "composition", "soap")
    ]
    local, global_ = changes["cknna"].high < 0, [changes[name].low > 0 for name in METRICS[1:]]
    return Finding(
        "Out of distribution models agree less locally and more globally: nearly all collapse onto one poor picture, "
        "shaped by architecture rather than by data.",
        f"A shifted crystal is further from the others than one of them with a probability of {num(np.median(aucs))} "
        f"(median over models; 0.5 is no shift). {' '.join(sentences)} Share of the variation explained beyond chance, "
        f"in to out: {', '.join(explained) or 'none'}.",
        verdict([local, *global_]),
        f"{behind(panels, *SHIFT)}; {changes['cknna'].models} models in both",
        {name: {"in": c.inside, "out": c.outside, "low": c.low, "high": c.high} for name, c in changes.items()}
        | {"shift_auc": aucs},
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
