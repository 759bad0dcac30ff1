from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluation import material
from unmixcli.errors import ConfigError, DatasetError
from unmixcli.evaluation.options import Engine, Options, Style
from unmixcli.evaluation.scenarios import scenarios
from unmixcli.evaluation.track import evaluate_track

RATE = material.RATE


def test_stems_are_paired_by_name_in_the_order_of_the_references():
    true = material.references(stems="ab")
    guess = dict(reversed(material.estimates(true).items()))

    found = evaluate_track(true, guess, RATE, name="Song")

    assert list(found.sources) == ["a", "b"]
    assert found.name == "Song"
    assert all(value > 0 for value in found.sdr.values())


def test_what_has_no_partner_is_named_and_left_out():
    true = material.references(stems="abc")
    guess = material.estimates(true)
    guess["d"] = guess.pop("a")

    found = evaluate_track(true, guess, RATE)

    assert list(found.sources) == ["b", "c"]
    assert found.warnings == ("a: no estimate, not scored", "d: no reference, not scored")


def test_nothing_to_pair_is_an_error():
    true = material.references(stems="a")

    with pytest.raises(DatasetError, match="no estimate has the name") as error:
        evaluate_track(true, {"A": true["a"]}, RATE)

    assert error.value.hint == "references are a; estimates are A"


def test_tensors_are_signals_too():
    true = material.references()
    guess = material.estimates(true)
    tensors = {stem: torch.from_numpy(signal) for stem, signal in guess.items()}

    assert evaluate_track(true, tensors, RATE).sdr == evaluate_track(true, guess, RATE).sdr


def test_by_default_only_what_needs_no_filters_is_computed():
    true = material.references()
    found = evaluate_track(true, material.estimates(true), RATE)

    assert set(found.sources["bass"].metrics()) == {"SDR"}


def test_sdr_of_windows_is_the_same_with_and_without_filters():
    true = material.references()
    guess = material.estimates(true)
    quick = evaluate_track(true, guess, RATE)
    full = evaluate_track(true, guess, RATE, options=Options(full=True))

    for stem in true:
        np.testing.assert_allclose(
            quick.sources[stem].sdr, full.sources[stem].sdr, rtol=0, atol=1e-12
        )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("drums", [("drums", "drums")]),
        ("drums bass", [("drums bass", "drums bass")]),
        ("vocals accompaniment", [("vocals accompaniment", "vocals accompaniment")]),
        (
            "vocals drums accompaniment bass",
            [("vocals drums bass", "drums bass"), ("vocals accompaniment", "vocals accompaniment")],
        ),
        ("drums accompaniment", [("drums accompaniment", "drums accompaniment")]),
    ],
)
def test_the_accompaniment_is_scored_beside_the_vocals_alone(names, expected):
    found = [(" ".join(one.members), " ".join(one.scored)) for one in scenarios(names.split())]

    assert found == expected


def test_vocals_count_beside_the_accompaniment_as_museval_has_it():
    true = material.references(stems=("vocals", "drums", "bass"), channels=1)
    true["accompaniment"] = true["drums"] + true["bass"]
    guess = material.estimates(true)
    pair = ("vocals", "accompaniment")
    theirs = material.museval({k: true[k] for k in pair}, {k: guess[k] for k in pair})

    found = evaluate_track(true, guess, RATE, options=Options(full=True))

    assert list(found.sources) == list(true)
    for row, stem in enumerate(pair):
        np.testing.assert_allclose(found.sources[stem].sir, theirs["SIR"][row], atol=1e-6)


@pytest.mark.parametrize("name", ["window", "hop"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_window_is_a_stretch_of_time(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be a positive number of seconds"):
        Options(**{name: value})


@pytest.mark.parametrize("name", ["engine", "style"])
def test_options_are_of_what_there_is(name):
    with pytest.raises(ConfigError, match=f"{name} must be one of .*, got 'new'"):
        Options(**{name: "new"})


def test_options_may_be_words():
    options = Options(engine="museval", style="v3")

    assert options.engine is Engine.MUSEVAL
    assert options.style is Style.V3
    assert options.compat
    assert options.filtered
