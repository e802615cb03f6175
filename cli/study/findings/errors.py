"""Whether aligned models make the same errors."""

from __future__ import annotations

import numpy as np

from ...analyses import evidence
from ...comparison import energy_errors, read_scores
from ..plan import StudyResults
from .finding import WORTH, Finding, behind, families, num, real, supports, verdict


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
        aligned = read_scores(panel.comparison)["cknna"].mutual[np.ix_(rows, rows)]
        of_family = families(panel)
        test = association(aligned, spots.correlation, families=[of_family[i] for i in rows])
        off = np.triu_indices(len(rows), 1)
        sentences.append(
            f"{name}: signed errors of two models correlate at {num(np.nanmean(spots.correlation[off]))} on average, "
            f"error consistency is {num(np.nanmean(spots.kappa[off]))}; over pairs of families, alignment with that "
            f"correlation: ρ = {num(test.correlation)}, {evidence(test, len(rows))}, {spots.n} samples."
        )
        tests[name] = {
            "rho": test.correlation,
            "low": test.low,
            "high": test.high,
            "p": test.p,
            "families": test.families,
            "smallest_p": test.smallest_p,
            "correlation": np.nanmean(spots.correlation[off]),
        }
    return Finding(
        "Models that agree share their blind spots, so that agreement does not show that they are right.",
        " ".join(sentences) + " The study mentions this consequence without numbers.",
        verdict([supports(t["p"], t["rho"] > 0, refuted=t["high"] < WORTH) for t in tests.values()]),
        behind(panels, *tests),
        tests,
        of_study=False,
    )
