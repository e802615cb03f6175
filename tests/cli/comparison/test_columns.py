"""Which columns a table of pairs has, and with how many digits."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.cli.comparison import pairs_in_order, read_scores, score_columns
from hyle.cli.comparison.columns import digits_of
from hyle.engine import compare


def scores(*, noise: float = 1.0, n: int = 60, m: int = 3, **options: object):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 4))
    rows = {f"m{i}": z + noise * (1 + i) * rng.normal(size=(n, 4)) for i in range(m)}
    return list(read_scores(compare(rows, **({"metrics": ["cka"], "permutations": 0} | options))).values())


@pytest.mark.parametrize(
    ("noise", "n", "groups", "digits"),
    [
        # The errors of near 1 are small, (1 - r^2) / sqrt(n), as are those of the jackknife.
        (1.0, 60, 0, 2),
        (0.02, 60, 0, 3),
        (1.0, 60, 10, 2),
        (0.02, 400, 10, 3),
    ],
)
def test_digits_follow_from_the_sampling_error(noise: float, n: int, groups: int, digits: int) -> None:
    (score,) = scores(noise=noise, n=n, jackknife_groups=groups)
    assert digits_of(score) == digits
    (column,) = score_columns([score])
    shown = column.cell((0, 1)).split()[0]
    assert float(shown.replace("−", "-")) == pytest.approx(score.values[0, 1], abs=0.51 * 10**-digits)
    assert len(shown.partition(".")[2]) == digits


def test_the_chance_level_is_in_the_head_if_it_is_one_number() -> None:
    cka, procrustes = score_columns(scores(metrics=["cka", "procrustes"], m=3, n=20))
    assert cka.heading == "cka (chance 0.00)"
    assert "(" not in cka.cell((0, 1))
    assert procrustes.score.chance_range > 0.01
    assert procrustes.heading == "procrustes (chance)"
    assert f"({procrustes.score.chance[0, 1]:.2f})" in procrustes.cell((0, 1))


def test_the_most_aligned_pair_comes_first() -> None:
    (cka,) = scores(m=4)
    pairs = pairs_in_order([cka], 4)
    assert sorted(pairs) == [(i, j) for i in range(4) for j in range(i + 1, 4)]
    values = [cka.values[pair] for pair in pairs]
    assert values == sorted(values, reverse=True)
    # Where lower is more similar, the lowest is first.
    (distance,) = scores(m=4, metrics=["procrustes"])
    values = [distance.values[pair] for pair in pairs_in_order([distance], 4)]
    assert values == sorted(values)
    cka.values[pairs[0]] = cka.values[pairs[0][::-1]] = np.nan
    assert pairs_in_order([cka], 4)[-1] == pairs[0]
