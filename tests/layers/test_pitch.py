"""The scale of pitch that networks of our own see."""

import math

import pytest
import torch

from unmixcli.layers.pitch import OVERTONES, PitchScale, overtones, to_bins, to_pitches

SCALE = PitchScale(lowest=60.0, per_octave=12, pitches=72, bins=257, spacing=8000 / 512)


def test_a_pitch_is_seen_with_its_overtones_and_with_what_it_is_one_of():
    features = torch.zeros(1, 1, 80, 1)
    features[0, 0, 40] = 1
    seen = overtones(features, 12)[0, :, :, 0]

    assert seen.shape == (1 + 2 * len(OVERTONES), 80)
    assert seen.sum(dim=1).tolist() == [1.0] * len(seen)
    steps = [0, 12, 19, 24, 28, 31, 36]
    assert seen.argmax(dim=1).tolist() == [40 - s for s in steps] + [40 + s for s in steps[1:]]


def test_slopes_of_overtones_are_those_of_the_values_they_come_from():
    features = torch.randn(2, 3, 30, 2, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda x: overtones(x, 9.0), features)


@pytest.mark.parametrize("fundamental", [200.0, 300.0, 400.0])
def test_a_note_has_its_partials_the_same_steps_above_it_at_every_pitch(fundamental):
    scale = SCALE._replace(bins=2049, spacing=8000 / 4096, per_octave=24, pitches=144)
    bins = torch.zeros(scale.bins)
    for partial in range(1, 6):
        bins[round(partial * fundamental / scale.spacing)] = 1.0
    pitches = to_pitches(scale) @ bins
    start = round(24 * math.log2(fundamental / scale.lowest))

    for steps in (0, 24, 38, 48, 56):
        near = pitches[start + steps - 1 : start + steps + 2]
        assert near.any()
        near.zero_()
    assert not pitches.any()


@pytest.mark.parametrize("scale", [SCALE, SCALE._replace(pitches=144), SCALE._replace(lowest=1.0)])
def test_every_bin_and_every_pitch_is_a_mean_of_the_others(scale):
    there, back = to_pitches(scale), to_bins(scale)

    assert there.shape == back.T.shape == (scale.pitches, scale.bins)
    for weights in (there, back):
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(weights)))


def test_what_was_first_asked_for_in_inference_mode_can_be_trained_with():
    scale = SCALE._replace(lowest=61.0)  # nobody else has asked for it
    with torch.inference_mode():
        to_pitches(scale), to_bins(scale)
    learned = torch.ones(scale.pitches, 1, requires_grad=True)
    (to_pitches(scale) @ (to_bins(scale) @ learned)).sum().backward()

    assert learned.grad is not None
