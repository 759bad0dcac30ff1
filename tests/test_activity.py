"""Which sources sound, by their energy."""

from __future__ import annotations

from math import inf

import pytest
import torch

from unmixcli.activity import Activity, Meter


def measured(gains: dict[str, float], threshold: float | None = -30.0, scale: float = 1.0):
    mixture = scale * torch.randn(2, 5000, generator=torch.Generator().manual_seed(0))
    stems = torch.stack([gain * mixture for gain in gains.values()] + [mixture])
    meter = Meter(tuple(gains), threshold)
    blocks = [*meter.watch(iter(stems.split(777, dim=-1)))]
    assert torch.equal(torch.cat(blocks, dim=-1), stems)
    return meter.read(mixture.split(1000, dim=-1))


def test_levels_are_in_decibels_of_the_mixture():
    activity = measured({"loud": 1.0, "soft": 0.1, "inverted": -0.5, "silent": 0.0})

    assert activity.levels == {
        "loud": pytest.approx(0, abs=1e-4),
        "soft": pytest.approx(-20, abs=1e-4),
        "inverted": pytest.approx(-6.0206, abs=1e-4),
        "silent": -inf,
    }


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [(-5, ("a",)), (-25, ("a", "b")), (-45, ("a", "b", "c")), (-200, ("a", "b", "c"))],
)
def test_what_is_at_the_threshold_or_above_is_kept(threshold, kept):
    activity = measured({"a": 1.0, "b": 0.1, "c": 0.01, "d": 0.0}, threshold)

    assert activity.kept == activity.active == kept
    assert activity.dropped == tuple(name for name in "abcd" if name not in kept)


def test_the_loudest_is_kept_where_none_is_loud():
    activity = measured({"a": 1e-3, "b": 1e-2, "c": 0.0})

    assert activity.active == ()
    assert activity.kept == ("b",)
    assert activity.dropped == ("a", "c")


@pytest.mark.parametrize(("gain", "level"), [(0.0, -inf), (1.0, -inf)])
def test_a_silent_mixture_keeps_one(gain, level):
    activity = measured({"a": gain, "b": gain}, scale=0.0)

    assert activity.levels == {"a": level, "b": level}
    assert activity.kept == ("a",)


def test_what_sounds_in_a_silent_mixture_is_louder_than_it():
    meter = Meter(("a",), -30.0)
    [_] = meter.watch(iter([torch.ones(1, 1, 4)]))

    assert meter.read([torch.zeros(1, 4)]).levels == {"a": inf}


def test_without_a_threshold_nothing_is_read():
    meter = Meter(("a",), None)
    block = torch.ones(1, 1, 4)
    assert [*meter.watch(iter([block]))] == [block]

    assert meter.read(pytest.fail("read") for _ in range(1)) is None


def test_json_knows_no_infinity():
    activity = Activity(threshold=-30.0, levels={"a": -3.14159, "b": -inf})

    assert activity.as_dict() == {
        "threshold": -30.0,
        "levels": {"a": -3.14, "b": None},
        "dropped": ["b"],
    }
