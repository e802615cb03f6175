"""Sequence logos: information of aligned columns, and letters as tall as their share of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hyle.zoo import InputError, sequence_logo, window
from hyle.zoo.depictions.logo import LETTERS, information


def test_information_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    windows = ["".join(rng.choice(list(LETTERS[:5]), 7)) for _ in range(200)]
    bits, shares = information(windows)
    for at in range(7):
        column = [each[at] for each in windows]
        p = np.array([column.count(letter) / 200 for letter in LETTERS])
        entropy = -sum(x * np.log2(x) for x in p if x)
        assert bits[at] == pytest.approx(np.log2(20) - entropy - 19 / (2 * np.log(2) * 200))
        np.testing.assert_allclose(shares[at], p)


def test_random_residues_have_no_information_on_average() -> None:
    rng = np.random.default_rng(1)
    bits, _ = information(["".join(rng.choice(list(LETTERS), 400)) for _ in range(60)])
    assert bits.mean() < 0.06  # without the correction for few sequences it is 0.24
    assert bits.max() < 0.4


def test_other_letters_and_ends_are_left_out() -> None:
    bits, shares = information(["A-K", "AXK", "A-R"] * 20)
    assert bits[0] == pytest.approx(np.log2(20) - 19 / (2 * 60 * np.log(2)))
    assert bits[1] == 0
    assert not shares[1].any()
    assert shares[2, LETTERS.index("K")] == pytest.approx(2 / 3)


def test_a_window_is_filled_beyond_the_ends() -> None:
    assert window("MKVLA", 2, 1) == "KVL"
    assert window("MKVLA", 4, 3) == "KVLA---"
    assert len(window("M", 0, 7)) == 15


def test_letters_are_as_tall_as_their_information() -> None:
    windows = ["AKD"] * 300 + ["ARE"] * 100
    svg = sequence_logo(windows, width=100, height=95)
    drawn = re.findall(r"scale\(1 ([\d.]+)\).*?>([A-Z])</text>", svg)
    heights = {letter: float(scale) * 72 for scale, letter in drawn}  # capitals are 72 % of 100 units
    bits, _ = information(windows)
    assert heights["A"] == pytest.approx(750 * bits[0] / np.log2(20), rel=0.01)
    assert heights["K"] == pytest.approx(3 * heights["R"], rel=0.01)
    assert heights["K"] + heights["R"] == pytest.approx(750 * bits[1] / np.log2(20), rel=0.01)
    # The most frequent residue is on top.
    assert [letter for _, letter in drawn] == ["A", "R", "K", "E", "D"]


def test_sequences_have_one_length() -> None:
    for windows in ([], ["AK", "AKD"]):
        with pytest.raises(InputError, match="one length"):
            sequence_logo(windows)
