"""Whether better and larger models lie closer to the best one, and whether aligned models make the same errors."""

from __future__ import annotations

import numpy as np

from ...comparison import energy_errors
from ..plan import StudyResult, StudyResults
from ..statistics import better_is_closer as closer
from ..statistics import real, scale_alignment, scale_error, shared_errors
from .finding import Finding, behind, num, shown

SETS = ("mptrj", "mpf-tp", "qm9")


def better_is_closer(panels: StudyResults) -> Finding:
    """Correlate energy error with alignment to the best, over the other families."""
    from hyle.engine.analysis import convergence

    found, sentences = {}, []
    for name in SETS:
        if name in panels and "energy_mae" in panels[name].comparison:
            found[name] = closer(panels[name].comparison, "cknna")
            reference = convergence(panels[name].comparison, "cknna").reference[0]
            sentences.append(f"{name}, alignment with {reference}: ρ = {shown(found[name])}.")
    return Finding(
        "better_is_closer",
        {"closer": found["mptrj"]},
        " ".join(sentences)
        + " Rank correlations over families other than that of the best model; if negative, better models are closer. "
        "The verdict is on mptrj.",
        behind(panels, *SETS),
        {name: {"rho": one.value, "low": one.low, "high": one.high, "p": one.p} for name, one in found.items()},
    )


def scale(panels: StudyResults) -> Finding:
    """Fit error and alignment to the best against parameters, over families."""
    from hyle.engine.analysis import convergence

    data = panels["mptrj"].comparison
    aligned, error = scale_alignment(data, "cknna"), scale_error(data, "cknna")
    near = convergence(data, "cknna")
    size = data.sel(model=list(near.models))["parameters"].values / 1e6
    size = size[size > 0]
    spread = f"{size.min():.1f} to {size.max():.1f} million parameters" if len(size) else "unknown sizes"
    return Finding(
        "scale",
        {"alignment": aligned, "error": error},
        f"With ten times as many parameters, CKNNA with {near.reference[0]} changes by {shown(aligned)} and the "
        f"base-10 logarithm of the energy error by {shown(error)}. The models are of other families than the best one "
        f"and have {spread}.",
        behind(panels, "mptrj"),
    )


def blind_spots(panels: StudyResults) -> Finding:
    """Correlate the alignment of two models with the similarity of their energy errors."""
    from hyle.engine.analysis import blind_spots as compare_errors

    found, sentences, numbers = {}, [], {}
    for name in [one for one in ("mptrj", "mpf-tp") if one in panels]:
        signed = signed_errors(panels[name])
        found[name] = shared_errors(panels[name].comparison, "cknna", signed)
        if len(signed) < 4:
            continue
        spots = compare_errors(np.stack(list(signed.values())))
        off = np.triu_indices(len(signed), 1)
        numbers[name] = {"correlation": float(np.nanmean(spots.correlation[off])), "rho": found[name].value}
        sentences.append(
            f"{name}: signed errors of two models correlate at {num(numbers[name]['correlation'])} on average, error "
            f"consistency is {num(np.nanmean(spots.kappa[off]))}; alignment with that correlation: ρ = "
            f"{shown(found[name])}, {spots.n} samples."
        )
    return Finding(
        "blind_spots",
        {"errors": found["mptrj"]},
        " ".join(sentences) + " The study mentions this consequence without numbers. The verdict is on mptrj.",
        behind(panels, *found),
        numbers,
    )


def signed_errors(panel: StudyResult) -> dict[str, np.ndarray]:
    """Return the signed energy errors of each model that predicts energies, name -> [n]."""
    names = [str(name) for name in panel.comparison["model"].values]
    errors = energy_errors(panel.representations, panel.data)
    return {names[i]: error.signed for i in real(panel.comparison) if (error := errors[i]) is not None}
