"""Whether aligned models make the same errors."""

from __future__ import annotations

import numpy as np

from ...comparison import energy_errors, read_scores
from ..plan import StudyResults
from .finding import LEVEL, Finding, behind, num, real, verdict


def blind_spots(panels: StudyResults) -> Finding:
    """Correlate the alignment of two models with the similarity of their energy errors."""
    from hyle.engine.analysis import association
    from hyle.engine.analysis import blind_spots as compare_errors

    sentences, tests = [], {}
    for name in [one for one in ("mptrj", "mpf-tp") if one in panels]:
        panel = panels[name]
        errors = energy_errors(panel.representations, panel.data)
        signed = {int(i): error.signed for i in real(panel) if (error := errors[i]) is not None}
        if len(signed) < 4:
            continue
        rows = list(signed)
        spots = compare_errors(np.stack(list(signed.values())))
        test = association(read_scores(panel.comparison)["cknna"].mutual[np.ix_(rows, rows)], spots.correlation)
        off = np.triu_indices(len(rows), 1)
        sentences.append(
            f"{name}: signed errors of two models correlate at {num(np.nanmean(spots.correlation[off]))} on average, "
            f"error consistency is {num(np.nanmean(spots.kappa[off]))}; over pairs, alignment against that "
            f"correlation: ρ = {num(test.correlation)}, p = {test.p:.2g}, {len(rows)} models, {spots.n} samples."
        )
        tests[name] = {"rho": test.correlation, "p": test.p, "correlation": np.nanmean(spots.correlation[off])}
    return Finding(
        "Models that agree share their blind spots, so that their agreement is no proof that they are right.",
        " ".join(sentences) + " The study names this as a consequence and gives no number.",
        verdict([t["p"] <= LEVEL and t["rho"] > 0 for t in tests.values()]),
        behind(panels, *tests),
        tests,
        of_study=False,
    )
