"""Suggestions for misspelt words, and texts of files in messages."""

import os
from pathlib import Path

import pytest

from hyle.zoo import did_you_mean, embeddings_name

MODELS = ["chemeleon", "chemnet", "chgnet-0.2.0", "chgnet-0.3.0", "composition", "minilm", "minilm-sequence", "random"]
FILES = ["a.npz", "b.npz", "groups.csv", "embeddings.npz"]


@pytest.mark.parametrize(
    ("word", "words", "expected"),
    [
        ("chgnet", MODELS, "'chgnet-0.2.0' or 'chgnet-0.3.0'"),
        ("chem", MODELS, "'chemeleon' or 'chemnet'"),
        ("MiniLM", MODELS, "'minilm'"),
        ("minlm", MODELS, "'minilm'"),
        ("chemnett", MODELS, "'chemnet'"),
        ("compositon", MODELS, "'composition'"),
        ("position", MODELS, "'composition'"),
        ("nosuchmodel", MODELS, ""),
        ("zzz", MODELS, ""),
        ("0.3", MODELS, ""),
        ("qm8", ["qm9", "mptrj"], "'qm9'"),
        ("embedings.npz", FILES, "'embeddings.npz'"),
        ("embeddings.csv", FILES, "'embeddings.npz'"),
        ("a.csv", ["a.csv.gz", "b.csv"], "'a.csv.gz'"),
        ("half", ["codes", "halves"], "'halves'"),
        ("zz.npz", FILES, ""),
        ("c.npz", FILES, ""),
        ("nosuch.csv", FILES, ""),
        ("compair", ["compare", "report"], "'compare'"),
        ("x", [], ""),
    ],
)
def test_a_suggestion_is_close_or_there_is_none(word, words, expected):
    assert did_you_mean(word, words) == (f"; did you mean {expected}?" if expected else ".")


def test_at_most_three_words_are_suggested():
    assert did_you_mean("mace", [f"mace-{i}" for i in range(9)]) == "; did you mean 'mace-0', 'mace-1' or 'mace-2'?"


def test_a_file_name_that_is_no_text_becomes_text():
    assert embeddings_name(Path(os.fsdecode(b"bad\xff.npz"))) == "bad\ufffd"
    assert embeddings_name(Path("müsli.npz")) == "müsli"
