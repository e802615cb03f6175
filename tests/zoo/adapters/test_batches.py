"""A row does not depend on the other samples of its batch: every adapter, on samples that broke batches before."""

from __future__ import annotations

import pytest

from hyle.zoo import find_card

pytest.importorskip("ase")
torch = pytest.importorskip("torch")

from hyle.zoo import Output  # noqa: E402
from hyle.zoo.adapters.groups import forward_in_groups  # noqa: E402

from .hard import assert_independent, hard, structures  # noqa: E402
from .matter import NAMES, ONE_OF_A_KIND, model  # noqa: E402


@pytest.mark.models
@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_a_row_does_not_depend_on_its_batch(name: str) -> None:
    assert_independent(model(name), hard(find_card(name).view))


# Whether the library treats structures without angles differently depends on the version of the weights.
@pytest.mark.models
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("chgnet")])
def test_crystals_without_angles_do_not_depend_on_their_batch(name: str) -> None:
    for layer in model(name).card.layers:
        assert_independent(model(name), structures()[:7], layer)


@pytest.mark.models
@pytest.mark.thorough
@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_no_layer_depends_on_its_batch(name: str) -> None:
    for layer in model(name).card.layers[1:]:
        assert_independent(model(name), hard(find_card(name).view), layer)


@pytest.mark.parametrize("nodes", [True, False])
@pytest.mark.parametrize("energies", [True, False])
def test_groups_of_a_batch_are_returned_in_the_order_of_the_batch(nodes: bool, energies: bool) -> None:
    calls: list[list[int]] = []

    def forward(items: list[int]) -> list[Output]:
        calls.append(items)
        sizes = items if nodes else [1] * len(items)
        features = torch.cat([torch.full((size, 2), float(item)) for item, size in zip(items, sizes, strict=True)])
        totals = [-float(item) for item in items] if energies else None
        return [Output(scale * features, sizes if nodes else None, totals) for scale in (1, 2)]

    items = [3, 2, 5, 1, 4]
    out, twice = forward_in_groups(items, lambda item: item % 2, forward)
    assert calls == [[3, 5, 1], [2, 4]]
    sizes = items if nodes else [1] * 5
    assert out.features[:, 0].tolist() == [
        float(item) for item, size in zip(items, sizes, strict=True) for _ in range(size)
    ]
    assert out.counts == (items if nodes else None)
    assert twice.features.tolist() == (2 * out.features).tolist()
    assert out.energies == twice.energies == ([-3.0, -2.0, -5.0, -1.0, -4.0] if energies else None)
    assert forward_in_groups([1, 3], lambda item: item % 2, forward)[0].features.shape == ((4 if nodes else 2), 2)
