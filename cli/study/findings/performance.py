"""Whether better and larger models lie closer to the best one."""

from __future__ import annotations

import math

from ..plan import StudyResults
from .finding import INCONCLUSIVE, LEVEL, Finding, behind, num, verdict

SETS = ("mptrj", "mpf-tp", "qm9")
# A correlation that would matter: while the interval includes it, a few models do not refute a claim.
WORTH = 0.5


def better_is_closer(panels: StudyResults) -> Finding:
    """Correlate energy error with alignment to the best, with and without its own family."""
    from hyle.engine.analysis import convergence

    sentences, supported, refuted, numbers = [], [], [], {}
    for name in SETS:
        if name not in panels or "energy_mae" not in panels[name].comparison:
            continue
        for other, models in ((False, "models"), (True, "models of other families")):
            result = convergence(panels[name].comparison, "cknna", other_families=other)
            if math.isnan(result.correlation):
                sentences.append(f"{name}: {result.n} {models} are too few.")
                continue
            sentences.append(
                f"{name}, to {result.reference[0]}, {result.n} {models}: ρ = {num(result.correlation)} (95 % "
                f"{num(result.low)} to {num(result.high)}, p = {result.p:.2g})."
            )
            supported.append(result.p <= LEVEL and result.correlation < 0)
            refuted.append(result.low > -WORTH)
            numbers[f"{name}, {models}"] = {
                "rho": result.correlation,
                "low": result.low,
                "high": result.high,
                "p": result.p,
                "n": result.n,
            }
    return Finding(
        "The lower a model's energy error, the more it agrees with the best model.",
        " ".join(sentences) + " Negative is closer.",
        verdict(supported) if any(supported) or any(refuted) else INCONCLUSIVE,
        behind(panels, *SETS),
        numbers,
    )


def scale(panels: StudyResults) -> Finding:
    """Fit error and alignment to the best against parameters."""
    from hyle.engine.analysis import convergence, scale_trend

    data = panels["mptrj"].comparison
    near = convergence(data, "cknna", other_families=False)
    size = data["parameters"].sel(model=list(near.models)).values
    aligned, error = scale_trend(size, near.alignment), scale_trend(size, near.error, logarithmic=True)
    return Finding(
        "Models converge with scale: larger ones have smaller errors and agree more with the best.",
        f"For each tenfold number of parameters CKNNA to {near.reference[0]} changes by {num(aligned.slope)} (95 % "
        f"{num(aligned.low)} to {num(aligned.high)}, p = {aligned.p:.2g}) and the energy error by a factor of "
        f"{num(10**error.slope)} ({num(10**error.low)} to {num(10**error.high)}, p = {error.p:.2g}); {aligned.n} "
        f"models of {size.min() / 1e6:.1f} to {size.max() / 1e6:.1f} million parameters, a short range, and several "
        "families.",
        verdict([aligned.p <= LEVEL and aligned.slope > 0, error.p <= LEVEL and error.slope < 0]),
        behind(panels, "mptrj"),
        {"slope": aligned.slope, "p": aligned.p, "error_exponent": error.slope, "error_p": error.p, "n": aligned.n},
    )
