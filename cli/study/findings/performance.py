"""Whether better and larger models lie closer to the best one."""

from __future__ import annotations

import numpy as np

from ...analyses import evidence, is_number
from ..plan import StudyResults
from .finding import INCONCLUSIVE, WORTH, Finding, behind, families, num, supports, verdict

SETS = ("mptrj", "mpf-tp", "qm9")


def better_is_closer(panels: StudyResults) -> Finding:
    """Correlate energy error with alignment to the best, over the other families."""
    from hyle.engine.analysis import convergence

    sentences, numbers = [], {}
    supported: list[bool | None] = []
    for name in SETS:
        if name not in panels or "energy_mae" not in panels[name].comparison:
            continue
        result = convergence(panels[name].comparison, "cknna")
        correlation = f"ρ = {num(result.correlation)}, " if is_number(result.p) else ""
        sentences.append(f"{name}, alignment with {result.reference[0]}: {correlation}{evidence(result, result.n)}.")
        supported.append(supports(result.p, result.correlation < 0, refuted=result.low > -WORTH))
        numbers[name] = {
            "rho": result.correlation,
            "low": result.low,
            "high": result.high,
            "p": result.p,
            "n": result.n,
            "families": result.families,
            "smallest_p": result.smallest_p,
        }
    return Finding(
        "The lower a model's energy error, the more it agrees with the best model.",
        " ".join(sentences)
        + " Rank correlations over families other than that of the best model; if negative, better models are closer.",
        verdict(supported),
        behind(panels, *SETS),
        numbers,
    )


def scale(panels: StudyResults) -> Finding:
    """Fit error and alignment to the best against parameters, over families."""
    from hyle.engine.analysis import convergence, scale_trend

    data = panels["mptrj"].comparison
    # The best model's own family is aligned with it by construction.
    near = convergence(data, "cknna")
    chosen = data.sel(model=list(near.models))
    size = np.where(chosen["parameters"].values > 0, chosen["parameters"].values, np.nan)  # 0 is unknown
    of_family = dict(zip(map(str, data["model"].values), families(panels["mptrj"]), strict=True))
    names = [of_family[name] for name in near.models]
    claim = "Models converge with scale: larger ones have smaller errors and agree more with the best."
    if np.isfinite(size).sum() < 3 or np.nanmin(size) == np.nanmax(size):
        return Finding(claim, f"{near.n} models of other families are too few.", INCONCLUSIVE, behind(panels, "mptrj"))
    aligned = scale_trend(size, near.alignment, families=names)
    error = scale_trend(size, near.error, families=names, logarithmic=True)
    smallest, largest = np.nanmin(size) / 1e6, np.nanmax(size) / 1e6
    return Finding(
        claim,
        f"With ten times as many parameters, CKNNA with {near.reference[0]} changes by {num(aligned.slope)} "
        f"({evidence(aligned, aligned.n)}) and the base-10 logarithm of the energy error by {num(error.slope)} "
        f"({evidence(error, error.n)}). The models are of other families than the best one and have {smallest:.1f} "
        f"to {largest:.1f} million parameters, a narrow range.",
        verdict([supports(aligned.p, aligned.slope > 0), supports(error.p, error.slope < 0)]),
        behind(panels, "mptrj"),
        {
            "slope": aligned.slope,
            "p": aligned.p,
            "error_exponent": error.slope,
            "error_p": error.p,
            "n": aligned.n,
            "families": aligned.families,
            "smallest_p": aligned.smallest_p,
        },
    )
