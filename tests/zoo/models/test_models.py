"""Running a model: batches, dropped samples and recipes, with a small adapter defined here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyle.zoo import Adapter, Dataset, MissingPackageError, Model, Output, Sample, find_card, load  # noqa: E402
from hyle.zoo.models import model as model_module  # noqa: E402
from hyle.zoo.models.model import EmbeddedBatch  # noqa: E402
from hyle.zoo.nodes import Nodes  # noqa: E402

CARD = replace(find_card("minilm"), name="letters", layers=("codes", "halves"), batch_size=4, requirements=())


class Letters(Adapter):
    """One row per letter: its code and its square; strings with a question mark are not supported."""

    def unsupported(self, sample: Sample) -> str | None:
        return "a question mark" if "?" in str(sample.smiles) else None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        texts = [str(sample.smiles) for sample in samples]
        codes = torch.tensor([[ord(c), ord(c) ** 2] for text in texts for c in text], dtype=torch.float32)
        codes = codes / 2 if layer == "halves" else codes
        return Output(codes, [len(text) for text in texts], [float(len(text)) for text in texts])


@pytest.fixture
def model() -> Model:
    return Model(CARD, Letters(CARD, {}))


def samples(*texts: str) -> list[Sample]:
    return [Sample(f"s{i}", smiles=text) for i, text in enumerate(texts)]


def test_pools_letters_and_keeps_order_over_batches(model: Model) -> None:
    texts = ["C", "CC", "CO", "N", "NO", "OOO", "F"]
    embedded = model.embed(samples(*texts))
    expected = [[np.mean([ord(c) for c in t]), np.mean([ord(c) ** 2 for c in t])] for t in texts]
    np.testing.assert_allclose(embedded.embedding.numpy(), expected, rtol=1e-6)
    assert embedded.ids == [f"s{i}" for i in range(7)]
    np.testing.assert_array_equal(embedded.energies, [len(t) for t in texts])


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_rows_do_not_depend_on_the_batch_size(model: Model, batch_size: int) -> None:
    texts = samples("C", "CC?", "CO", "N", "NO", "?", "F")
    whole, parts = model.embed(texts), model.embed(texts, batch_size=batch_size)
    assert torch.equal(whole.embedding, parts.embedding)
    assert whole.dropped == parts.dropped == {"s1": "a question mark", "s5": "a question mark"}
    assert whole.ids == parts.ids == ["s0", "s2", "s3", "s4", "s6"]


def test_all_samples_of_a_batch_may_be_dropped(model: Model) -> None:
    embedded = model.embed(samples("?", "??", "C"), batch_size=2)
    assert embedded.ids == ["s2"]
    assert model.run(samples("?")).ids == []


def test_an_error_gives_the_reason_if_all_samples_are_dropped(model: Model) -> None:
    with pytest.raises(ValueError, match="none of the 1 samples: a question mark"):
        model.embed(samples("?"))


class Broken(Letters):
    """Letters whose numbers overflow for one letter of a sample with an X, in the first layer only."""

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        output = super().forward(samples, layer)
        texts = "".join(str(sample.smiles) for sample in samples)
        wrong = torch.tensor([letter == "X" and layer == "codes" for letter in texts])
        features = torch.where(wrong[:, None] & torch.tensor([False, True]), torch.inf, output.features)
        return Output(features, output.counts, output.energies)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_a_sample_with_numbers_that_are_not_finite_is_dropped(batch_size: int) -> None:
    model = Model(CARD, Broken(CARD, {}))
    texts = samples("C", "NXO", "CO", "X", "?")
    reason = "the model returned NaN or infinite numbers"
    codes, halves = model.run_layers(texts, [("codes", "mean"), ("halves", "mean")], batch_size=batch_size)
    assert codes.dropped == {"s1": reason, "s3": reason, "s4": "a question mark"}
    assert codes.ids == ["s0", "s2"]
    assert halves.ids == ["s0", "s1", "s2", "s3"]
    np.testing.assert_array_equal(codes.energies, [1, 2])
    np.testing.assert_allclose(codes.embedding[1].numpy(), [(67 + 79) / 2, (67**2 + 79**2) / 2])
    with pytest.raises(ValueError, match=f"none of the 1 samples: {reason}"):
        model.embed(samples("X"))


def test_a_sample_is_dropped_with_all_its_nodes() -> None:
    wrong = model_module._finite(
        EmbeddedBatch(
            ["a", "b", "c"],
            torch.tensor([[1.0], [2.0], [torch.nan], [4.0], [5.0], [6.0]]),
            None,
            {"d": "no atoms"},
            Nodes([2, 3, 1], [0, 1, 0, 1, 2, 0], ["C", "H", "O", "H", "H", "N"]),
        ),
        CARD,
    )
    assert wrong.ids == ["a", "c"]
    assert wrong.embedding.tolist() == [[1], [2], [6]]
    assert wrong.nodes == Nodes([2, 1], [0, 1, 0], ["C", "H", "N"])
    assert sorted(wrong.dropped) == ["b", "d"]


def test_layer_pooling_and_data_set_are_in_the_recipe(model: Model) -> None:
    data = Dataset("letters", samples("C", "N"), "molecules", "MIT", "this test")
    embedded = model.embed(data, layer="halves", pooling="cumulants(2)")
    assert embedded.embedding.shape == (2, 4)
    assert {
        "layer": "halves",
        "pooling": "cumulants(2)",
        "dataset": "letters",
        "dataset_version": data.version,
        "dataset_source": "this test",
    }.items() <= embedded.recipe.items()
    assert data.recipe.items() <= embedded.recipe.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "half"}, "did you mean 'halves'"),
        ({"pooling": "median"}, "use mean, sum or cumulants"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_unknown_options_raise(model: Model, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.embed(samples("C"), **options)


def test_an_error_names_the_sample_without_the_view_and_its_views(model: Model) -> None:
    with pytest.raises(ValueError, match="'x' has no view 'smiles'; it has: text"):
        model.embed([Sample("x", text="water")])


@pytest.mark.parametrize("samples", [["CCO"], Sample("a", smiles="C")])
def test_only_lists_of_samples_are_accepted(model: Model, samples: object) -> None:
    with pytest.raises(TypeError):
        model.embed(samples)  # type: ignore[arg-type]


def test_an_adapter_that_loses_rows_is_an_error(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Letters, "forward", lambda self, samples, layer: Output(torch.zeros(1, 2)))
    with pytest.raises(RuntimeError, match="1 rows for 2 samples"):
        model.embed(samples("C", "N"))


def test_the_error_for_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import hyle.zoo.cards.card as cards

    monkeypatch.setattr(cards, "is_installed", lambda requirement: "transformers" not in requirement)
    with pytest.raises(MissingPackageError, match="hyle envs build minilm"):
        load("minilm")


def test_controls_need_nothing_and_random_rows_belong_to_their_samples() -> None:
    both = load("random").embed(samples("C", "N"))
    alone = load("random").embed([Sample("s1")])
    np.testing.assert_array_equal(both.embedding[1], alone.embedding[0])
    assert not np.array_equal(both.embedding[0], both.embedding[1])


@pytest.mark.parametrize("config", ['{"model_type": "bert", "hidden_size": "x"}', "[1]", "{"])
def test_a_hub_model_with_an_odd_configuration_is_one_line(tmp_path: Path, config: str) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=r"transformers cannot load this model") as caught:
        find_card(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
