"""`hyle benchmark`: planted models are in the expected quadrants, and the shipped panel matches its hash."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hyle.cli.benchmark.benchmark import benchmark, diagnosis_data, embedding_hash
from hyle.cli.benchmark.evaluation import evaluate_on_panel, same_checkpoint
from hyle.cli.benchmark.panel_evaluation import PanelEvaluation, axis_of
from hyle.cli.benchmark.render import print_card, render_card
from hyle.cli.benchmark.set_data import as_data
from hyle.cli.benchmark.subjects import find_subject, sets_of
from hyle.zoo import (
    InputError,
    Member,
    Performance,
    ReferencePanel,
    Representation,
    Store,
    find_card,
    list_benchmarks,
    load_panel,
    write_embeddings,
)

from .. import browser

N = 80
IDS = [f"s{i}" for i in range(N)]


def energy(mae: float, n: int = N) -> dict[str, Performance]:
    return {"energy": Performance("energy", mae, 0.05 * mae, "eV/atom", "energy beyond composition", n)}


def planted() -> tuple[ReferencePanel, np.ndarray]:
    """Return a panel of six models of one latent, with less noise in better ones, and two with little of it."""
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(N, 5))
    members = []
    for i, noise in enumerate((0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 3.0, 4.0)):
        x = shared @ np.linalg.qr(generator.normal(size=(5, 5)))[0] + noise * generator.normal(size=(N, 5))
        rep = Representation(f"m{i}", x.astype(np.float32), IDS, {"model": f"m{i}"})
        members.append(Member(rep, f"f{i}", "atoms", 1000, energy(0.1 + noise / 5)))
    return ReferencePanel("planted", "1", IDS, "0" * 64, "0", members), shared


def own(x: np.ndarray) -> Representation:
    return Representation("own", x.astype(np.float32), IDS)


@pytest.fixture(scope="module")
def near() -> PanelEvaluation:
    """Evaluate another model of the same latent."""
    panel, shared = planted()
    generator = np.random.default_rng(1)
    x = shared @ np.linalg.qr(generator.normal(size=(5, 5)))[0] + 0.25 * generator.normal(size=(N, 5))
    return evaluate_on_panel(own(x), panel, energy(0.12), metrics=(), permutations=60, jackknife_groups=10)


@pytest.fixture(scope="module")
def noise() -> PanelEvaluation:
    """Evaluate noise, which has nothing in common with the panel."""
    panel, _ = planted()
    x = np.random.default_rng(1).normal(size=(N, 5))
    return evaluate_on_panel(own(x), panel, energy(2.0), family="f0", metrics=(), permutations=60, jackknife_groups=10)


def scored(standing: PanelEvaluation, mae: float, n: int = N) -> PanelEvaluation:
    return dataclasses.replace(standing, score=energy(mae, n)["energy"])


def test_planted_models_are_in_the_expected_quadrants(near: PanelEvaluation, noise: PanelEvaluation) -> None:
    for standing, mae, name in (
        (near, 0.12, "foundational"),
        (noise, 2.0, "sub-optimal"),
        (noise, 0.12, "local optimum"),
        (near, 2.0, "missing information"),
    ):
        evaluation = scored(standing, mae)
        diagnosis = evaluation.quadrant()
        assert not isinstance(diagnosis, str)
        assert diagnosis.name == name
        assert evaluation.rank() == ((1, 9) if mae < 0.14 else (9, 9))
    close, far = near.align_to(), noise.align_to()
    assert (close.others[0], near.best) == ("m0", "m0")
    assert close.mean_p < 0.05 < far.mean_p
    assert close.mean.low > 0.05 > far.mean.value
    assert not near.contained


def test_its_family_and_itself_are_excluded(noise: PanelEvaluation) -> None:
    assert "m0" not in noise.other_families
    assert noise.best == "m1"
    assert [one["model"] for one in as_data(noise)["own_family"]] == ["m0"]
    member = planted()[0].members[0].representation
    assert same_checkpoint(member, Representation("copy", member.embedding, IDS, {"model": "m0"}))
    assert same_checkpoint(
        dataclasses.replace(member, recipe={"weights": "w"}), dataclasses.replace(member, recipe={"weights": "w"})
    )
    assert not same_checkpoint(member, own(member.embedding))


def test_missing_performance_is_reported(near: PanelEvaluation) -> None:
    unknown = dataclasses.replace(near, score=None)
    assert as_data(unknown)["performance"] is None
    assert "no label" in str(unknown.quadrant())
    half = scored(near, 0.1, N // 2)
    assert "too few" in str(half.quadrant())
    assert half.rank() is None


def test_the_axis_is_the_kind_that_most_models_of_the_panel_have() -> None:
    panel, _ = planted()
    assert axis_of(panel) == "energy"
    probe = {"probe": Performance("probe", 0.5, 0.1, "", "label", N)}
    half = [dataclasses.replace(one, scores=one.scores | probe) for one in panel.members]
    assert axis_of(dataclasses.replace(panel, members=half)) == "probe"  # all have it, as they have energies
    few = [*half[:3], *panel.members[3:]]
    mixed = dataclasses.replace(panel, members=few)
    assert axis_of(mixed) == "energy"
    # A model that has another kind only is not ranked.
    standing = evaluate_on_panel(
        own(np.random.default_rng(1).normal(size=(N, 5))), mixed, probe, metrics=(), permutations=20, jackknife_groups=5
    )
    assert standing.score is None
    assert standing.rank() is None
    for bench in list_benchmarks():
        shipped = load_panel(bench.name)
        assert axis_of(shipped) == "probe"
        assert all(("probe" in one.scores) == bool(bench.label) for one in shipped.members)


def test_too_few_samples() -> None:
    panel, shared = planted()
    few = Representation("own", shared[:19], IDS[:19])
    with pytest.raises(ValueError, match=r"shares 19 samples .* at least 20"):
        evaluate_on_panel(few, panel, {})


def test_sets_match_the_view_and_the_training_data_of_a_model() -> None:
    def names(model: str, domain: str | None = None) -> list[str]:
        return [bench.name for bench in sets_of(find_card(model), domain)[0].values()]

    assert names("chgnet-0.3.0") == ["mptrj", "random-tp"]
    assert names("chgnet-0.3.0", "molecules") == ["qm9", "exotic"]
    assert names("aimnet2") == ["qm9", "exotic"]
    assert names("rxnfp") == ["qm9", "drugs"]
    assert names("antiberty") == ["proteins", "peptides"]
    assert names("proteinmpnn-020") == ["proteins"]
    assert "backbone" in sets_of(find_card("proteinmpnn-020"))[1]
    with pytest.raises(ValueError, match=r"rxnfp reads smiles .* of the benchmark has that"):
        sets_of(find_card("rxnfp"), "proteins")


def test_files_of_embeddings_have_a_card(
    run: Callable, mistake: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = {one.name: one.representation for one in load_panel("proteins").members}
    noise = np.random.default_rng(0).normal(size=members["near"].embedding.shape)
    x = members["near"].embedding + 0.1 * members["near"].embedding.std() * noise
    write_embeddings(Representation("mine", x, members["near"].ids), tmp_path / "mine.npz")
    first = run("benchmark", "mine.npz", "--json", "-o", "card.html")
    assert first.code == 0, first.err
    card = first.json
    inside = card["sets"]["in"]
    assert card["schema"] == "hyle-benchmark-card/1"
    assert card["embedding_sha256"]["in"] == embedding_hash(Representation("mine", x, members["near"].ids))
    # A file that names no model is recognised by its rows, and excluded from its own mean.
    assert [(copy["model"], copy["same"]) for copy in inside["copies"]] == [("near", False)]
    assert inside["copies"][0]["share"] > inside["copies"][0]["bar"]
    assert "near" not in [one["model"] for one in inside["relatives"]]
    # Regressing 20 amino acids and the mean out takes a sample each.
    assert inside["n"] == 117 - 20
    assert inside["panel"]["date"].startswith("20")
    assert inside["panel"]["versions"]["torch"]
    assert inside["panel"]["n_families"] == 4
    assert card["diagnosis"]["quadrant"] is None
    assert "no label" in card["diagnosis"]["words"]
    assert "--out FILE" in card["ood_missing_reason"]
    page = (tmp_path / "card.html").read_text()
    assert "Inconclusive" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    # Peptides of which too few are there: the card is one of the first set alone, and says why.
    peptides = next(one.representation for one in load_panel("peptides").members if one.name == "near")
    write_embeddings(Representation("few", peptides.embedding[:12], peptides.ids[:12]), tmp_path / "few.npz")
    lone = run("benchmark", "mine.npz", "--out", "few.npz", "--json").json
    assert "at least 20" in lone["ood_missing_reason"]
    assert lone["sets"]["in"] == inside  # the same again
    assert [set(lone[key]) for key in ("sets", "embedding_sha256", "recipe", "dropped")] == [{"in"}] * 4
    print_card(card)
    printed = capsys.readouterr().out
    assert max(len(line) for line in printed.splitlines() if line.startswith(("performance", "rank", "to the"))) < 120
    assert "its rows contain those of near" in printed
    assert "of 4 families other than its own" in printed

    np.savez(tmp_path / "other.npz", embedding=x, ids=[f"x{i}" for i in range(len(x))])
    assert "load_dataset('qm9', n=300)" in mistake("benchmark", "other.npz")
    assert "did you mean 'chgnet-0.3.0'" in mistake("benchmark", "chgnet-0.3.1")
    assert "suffix must be .html or .json" in mistake("benchmark", "mine.npz", "-o", "card.pdf")
    assert "--out is for a file" in mistake("benchmark", "near", "--out", "mine.npz")
    assert "use a pair metric" in mistake("benchmark", "mine.npz", "--metric", "intrinsic_dimension")
    assert run("benchmark").code == 2


def page_of(standing: PanelEvaluation) -> str:
    card = {
        "model": "own<b>",
        "domain": "materials",
        "metric": "cknna",
        "trained_on_it": [],
        "sets": {"in": as_data(standing)},
        "ood_missing_reason": "none",
        "generality": None,
        "diagnosis": diagnosis_data(standing),
        "dropped": {"in": {}},
        "recipe": {"in": {"layer": "last"}},
    }
    return render_card(json.loads(json.dumps(card)))


def test_the_page_shows_the_planted_model(near: PanelEvaluation) -> None:
    page = page_of(near)
    assert "own&lt;b&gt;" in page
    assert '"own<b>"' not in page.split("<script type=")[0]
    assert '"reverse": true' in page
    assert "foundational" in page


LOOK = """
<script>
addEventListener("load", async () => {
  await new Promise((done) => setTimeout(done, 1500));
  const marks = [...document.querySelectorAll('[data-chart] svg [role="graphics-symbol"]')];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.body.insertAdjacentHTML("beforeend", `<pre id="out"></pre>`);
  const labels = marks.map((mark) => mark.getAttribute("aria-label"));
  document.getElementById("out").textContent = JSON.stringify({ labels, wide });
});
</script>
"""


@browser.needed
@pytest.mark.parametrize("size", ["1280,1200", "500,1200"], ids=["desktop", "phone"])
def test_the_page_draws_every_model_in_a_browser(near: PanelEvaluation, tmp_path: Path, size: str) -> None:
    start, _, end = page_of(near).rpartition("</body>")
    page = tmp_path / "card.html"
    page.write_text(start + LOOK + end, encoding="utf-8")
    out, console = browser.opened(page, size)
    assert console == []
    assert out["wide"] <= 0
    drawn = " ".join(str(label) for label in out["labels"])
    assert all(name in drawn for name in ("own<b>", *near.other_families))


@pytest.mark.models
@pytest.mark.thorough
def test_a_real_model_has_a_card_on_both_sets(tmp_path: Path) -> None:
    if find_card("admet-ai-cls-seed1").missing():
        pytest.skip("the libraries of ADMET-AI are not installed")
    card = benchmark(find_subject("admet-ai-cls-seed1", Store(tmp_path)))
    inside, outside = card["sets"]["in"], card["sets"]["out"]
    assert (inside["dataset"], outside["dataset"]) == ("qm9", "drugs")
    assert inside["performance"]["kind"] == "probe"
    assert 0.1 < inside["performance"]["value"] < 0.6
    assert outside["performance"] is None
    assert inside["energy"] is None
    # Its seed replicate is excluded from the means, although it is the nearest model.
    own_family = {one["model"]: one["value"] for one in inside["own_family"]}
    assert own_family["admet-ai-cls"] > max(one["value"] for one in inside["relatives"])
    assert card["generality"]["shift"]["auc"] > 0.5
    assert sum(card["diagnosis"]["probability"].values()) == pytest.approx(1)


def test_only_the_known_warning_of_pymatgen_is_silent(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_subject(*_: object, **__: object) -> None:
        text = "No Pauling electronegativity for Ar. Setting to NaN."
        warnings.warn_explicit(text, UserWarning, "functools.py", 1, module="functools")
        warnings.warn_explicit("rows differ", UserWarning, "functools.py", 1, module="functools")
        raise InputError("stop")

    monkeypatch.setattr("hyle.cli.commands.benchmark.find_subject", find_subject)
    with pytest.warns(UserWarning, match="rows differ") as shown:
        assert run("benchmark", "morgan").code == 2
    assert [str(each.message) for each in shown] == ["rows differ"]
