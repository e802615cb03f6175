"""Agreement of models within and across kinds of input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...analyses import evidence
from ...comparison import CONTROL, modalities, model_names, read_scores
from ..plan import StudyResult, StudyResults
from .finding import NOT_SUPPORTED, PARTLY_SUPPORTED, WORTH, Finding, behind, families, mean_of, num, supports, verdict

FLAT = ("string", "graph")
# Reported between vision and language: a share of 10 nearest neighbours among 1,024 samples (Huh et al. 2024).
VISION_LANGUAGE = 0.16


def same_kind(panels: StudyResults) -> Finding:
    """Test whether models of the same kind of input agree more, and whether strings and atoms agree at all."""
    from hyle.engine import compare
    from hyle.engine.analysis import association

    panel = panels["qm9"]
    score, kinds = read_scores(panel.comparison)["cknna"], np.array(modalities(panel.comparison))
    flat, atoms = np.isin(kinds, FLAT), kinds == "atoms"
    within = mean_of(score.mutual, flat, flat), mean_of(score.mutual, atoms, atoms)
    across = mean_of(score.mutual, flat, atoms)
    rows = np.flatnonzero(flat | atoms)
    same = (flat[rows, None] == flat[None, rows]).astype(float)
    names = model_names(panel.comparison)
    of_family = families(panel)
    test = association(score.mutual[np.ix_(rows, rows)], same, families=[of_family[i] for i in rows])
    pairs = [(i, j) for i in np.flatnonzero(flat) for j in np.flatnonzero(atoms)]
    significant = sum(not score.not_significant[pair] for pair in pairs)
    chosen = {names[i]: panel.representations[i] for i in rows.tolist()}
    ten = compare(chosen, metrics=["mutual_knn"], k=10).mutual_knn
    overlap = {(i, j): ten.sel(model=names[i], other=names[j]).item() for i, j in pairs}
    best = max(overlap, key=lambda pair: overlap[pair])
    first, second = (names[i] for i in best)
    return Finding(
        "Models that read the same kind of input agree strongly. Models of strings and graphs agree less with models "
        "of atoms, but more than vision models agree with language models.",
        f"Mean CKNNA is {num(within[0])} among models of strings and graphs, {num(within[1])} among models of atoms "
        f"and {num(across)} across (alignment and same kind of input, over pairs of families: ρ = "
        f"{num(test.correlation)}, {evidence(test, test.models)}). {significant} of {len(pairs)} pairs across are "
        f"significantly above chance. The best of them, {first} with {second}, share "
        f"{num(overlap[best])} of 10 nearest neighbours; Huh et al. (2024) report {VISION_LANGUAGE} between vision and "
        "language, of 10 neighbours among 1,024 samples.",
        verdict(
            [
                supports(test.p, test.correlation > 0, refuted=test.high < WORTH),
                significant > 0.95 * len(pairs),
                bool(overlap[best] > VISION_LANGUAGE),
            ]
        ),
        behind(panels, "qm9"),
        {
            "flat": within[0],
            "atoms": within[1],
            "across": across,
            "rho": test.correlation,
            "p": test.p,
            "families": test.families,
            "smallest_p": test.smallest_p,
            "told": significant,
            "pairs": len(pairs),
            "best_mutual_knn_10": overlap[best],
        },
    )


def proteins(panels: StudyResults) -> Finding:
    """Compare the agreement of protein sequence and structure with that of molecular strings and atoms."""
    numbers, sentences = {}, []
    for name, first, second in (("proteins", ("sequence",), ("backbone",)), ("qm9", FLAT, ("atoms",))):
        panel = panels[name]
        score, names = read_scores(panel.comparison)["cknna"], model_names(panel.comparison)
        rows, columns = (np.flatnonzero(_reads(panel, kinds)) for kinds in (first, second))
        pairs = [(i, j) for i in rows for j in columns]
        best = max(pairs, key=lambda pair: score.calibrated[pair])
        # Calibrate the interval with a fixed threshold: raw intervals of different k and n cannot be compared.
        threshold = float(panel.comparison["cknna_threshold"].transpose("model", "other").values[best])
        beyond = ((end[best] - threshold) / (1 - threshold) for end in (score.low, score.high))
        low, high = (float(np.clip(end, 0, 1)) for end in beyond)
        numbers[name] = {
            "calibrated": float(score.calibrated[best]),
            "value": float(score.values[best]),
            "low": low,
            "high": high,
            "told": sum(not score.not_significant[pair] for pair in pairs),
            "pairs": len(pairs),
        }
        v = numbers[name]
        sentences.append(
            f"{name}: best calibrated CKNNA {num(v['calibrated'])} (95 % {num(v['low'])} to {num(v['high'])}; "
            f"{names[best[0]]} with {names[best[1]]}; raw {num(v['value'])}, k = {score.k}), {v['told']} of "
            f"{v['pairs']} pairs significantly above chance."
        )
    large, small = numbers["proteins"], numbers["qm9"]
    return Finding(
        "Models of protein sequence and of protein structure agree about twice as much as the best models of small "
        "molecules across modalities.",
        " ".join(sentences)
        + " Calibrated scores are compared, because the sets differ in k and in the number of samples.",
        verdict([large["low"] > small["high"], large["calibrated"] > 1.5 * small["calibrated"]]),
        behind(panels, "proteins", "qm9"),
        numbers,
    )


def text(panels: StudyResults) -> Finding:
    """Test whether a language model of English agrees with models of chemistry when it is fed SMILES."""
    panel = panels["qm9"]
    score, kinds = read_scores(panel.comparison)["cknna"], np.array(modalities(panel.comparison))
    words, strings, atoms = kinds == "text", kinds == "string", kinds == "atoms"
    means = {
        "text_string": mean_of(score.mutual, words, strings),
        "string_string": mean_of(score.mutual, strings, strings),
        "text_atoms": mean_of(score.mutual, words, atoms),
        "string_atoms": mean_of(score.mutual, strings, atoms),
    }
    pairs = [(i, j) for i in np.flatnonzero(words) for j in np.flatnonzero(atoms)]
    significant = sum(not score.not_significant[pair] for pair in pairs)
    similar = means["text_atoms"] >= 0.8 * means["string_atoms"] or means["text_string"] >= 0.8 * means["string_string"]
    return Finding(
        "Language models that read SMILES agree with string models of chemistry, and agree with models of atoms as "
        "well as those do; if they read raw coordinates, they are close to noise.",
        f"A small model of English sentences (minilm) agrees with string models at a mean CKNNA of "
        f"{num(means['text_string'])} (string models with each other: {num(means['string_string'])}) and with models "
        f"of atoms at {num(means['text_atoms'])} (string models: {num(means['string_atoms'])}); {significant} of "
        f"{len(pairs)} of the latter pairs are significantly above chance. With only one such model there is no "
        "interval. Large language models, and coordinates as text, need weights from a hub and were not tested.",
        PARTLY_SUPPORTED if similar and significant else NOT_SUPPORTED,
        behind(panels, "qm9"),
        means | {"told": significant, "pairs": len(pairs)},
    )


def _reads(panel: StudyResult, wanted: Sequence[str]) -> np.ndarray:
    """Return bool [m], whether a model is of one of these modalities or reads one of these views."""
    from hyle.zoo import find_card

    models = zip(model_names(panel.comparison), modalities(panel.comparison), strict=True)
    return np.array([kind != CONTROL and bool({kind, find_card(name).view} & set(wanted)) for name, kind in models])
