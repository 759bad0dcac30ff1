"""The network behind ``mini-ensemble``: overtones seen together, shares for what is asked for."""

import math
from dataclasses import replace

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.models.harmonic_u_net import (
    OVERTONES,
    HarmonicUNet,
    HarmonicUNetConfig,
    _overtones,
    _to_bins,
    _to_pitch,
)

TINY = HarmonicUNetConfig(
    sources=("vn", "va", "vc", "rest"),
    sample_rate=8000,
    channels=1,
    n_fft=512,
    hop=128,
    lowest=60.0,
    per_octave=12,
    octaves=6.0,
    widths=(4, 6, 8),
    blocks=(1, 2, 1),
)
MIXTURE = torch.linspace(-40, 40, 2 * 3001).sin().reshape(2, 1, 3001)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HarmonicUNet(TINY).eval()


def test_everything_but_the_rest_is_told(network):
    assert network.labels == TINY.told == ("vn", "va", "vc")
    assert replace(TINY, rest="else").told == TINY.sources


@pytest.mark.parametrize("samples", [512, 513, 3001, 20_000])
def test_what_was_asked_for_and_the_rest_add_up_to_the_mixture(network, samples):
    mixture = torch.linspace(-90, 90, 2 * samples).sin().reshape(2, 1, samples)
    estimates = network(mixture, torch.tensor([[1.0, 0, 1], [0, 0, 0]]))

    assert estimates.shape == (2, 4, 1, samples)
    torch.testing.assert_close(estimates.sum(dim=1), mixture, rtol=0, atol=1e-5)


def test_what_was_not_asked_for_is_silent(network):
    estimates = network(MIXTURE, torch.tensor([[1.0, 0, 1], [0, 1, 0]]))
    silent = estimates.abs().amax(dim=(2, 3)) == 0

    assert silent.tolist() == [[False, True, False, False], [True, False, True, False]]


def test_nothing_asked_of_a_network_without_a_rest_is_silence():
    network = HarmonicUNet(replace(TINY, rest="else"))
    estimates = network(MIXTURE, torch.zeros(2, 4))
    estimates.sum().backward()

    assert not estimates.any()


def test_labels_change_how_the_rest_is_found(network):
    """Not only who shares: two requests of one instrument each hear the mixture differently."""
    with torch.no_grad():
        for block in (*network.before[0], *network.after[0]):
            block.out.weight.normal_()
    first, second = (
        network(MIXTURE, torch.tensor([labels, labels])) for labels in ([1.0, 0, 0], [0, 1.0, 0])
    )

    assert (first[:, 3] - second[:, 3]).abs().amax(dim=(1, 2)).min() > 1e-3


def test_labels_must_be_as_many_as_are_told(network):
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \(2, 4\)"):
        network(MIXTURE, torch.ones(2, 4))


def test_a_pitch_is_seen_with_its_overtones_and_with_what_it_is_one_of():
    features = torch.zeros(1, 1, 80, 1)
    features[0, 0, 40] = 1
    seen = _overtones(features, 12)[0, :, :, 0]

    assert seen.shape == (1 + 2 * len(OVERTONES), 80)
    assert seen.sum(dim=1).tolist() == [1.0] * len(seen)
    steps = [0, 12, 19, 24, 28, 31, 36]
    assert seen.argmax(dim=1).tolist() == [40 - s for s in steps] + [40 + s for s in steps[1:]]


def test_slopes_of_overtones_are_those_of_the_values_they_come_from():
    features = torch.randn(2, 3, 30, 2, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda x: _overtones(x, 9.0), features)


@pytest.mark.parametrize("fundamental", [200.0, 300.0, 400.0])
def test_a_note_has_its_partials_the_same_steps_above_it_at_every_pitch(fundamental):
    config = replace(TINY, n_fft=4096, hop=1024, per_octave=24)
    bins = torch.zeros(config.n_fft // 2 + 1)
    for partial in range(1, 6):
        bins[round(partial * fundamental * config.n_fft / config.sample_rate)] = 1.0
    pitches = _to_pitch(config) @ bins
    start = round(24 * math.log2(fundamental / config.lowest))

    for steps in (0, 24, 38, 48, 56):
        near = pitches[start + steps - 1 : start + steps + 2]
        assert near.any()
        near.zero_()
    assert not pitches.any()


@pytest.mark.parametrize("config", [TINY, replace(TINY, octaves=12.0), replace(TINY, lowest=1.0)])
def test_every_bin_and_every_pitch_is_a_mean_of_the_others(config):
    to_pitch, to_bins = _to_pitch(config), _to_bins(config)

    assert to_pitch.shape == to_bins.T.shape == (config.pitches, 257)
    for weights in (to_pitch, to_bins):
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(weights)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sources": ("rest",)}, "there must be a source beside 'rest'"),
        ({"channels": 2}, "channels must be in 1..1, got 2"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop": 400}, r"hop must be in .*, got 400"),
        ({"widths": (4, 6)}, "widths and blocks must be of the same 1 to 8 levels"),
        ({"widths": (4, 6, 8.5)}, "widths must be an integer"),
        ({"blocks": (1, 0, 1)}, "blocks must be an integer in 1..16, got 0"),
        ({"lowest": 5000.0}, "lowest must be in"),
    ],
)
def test_an_impossible_configuration_is_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        replace(TINY, **values)


def test_there_are_whole_pitches_at_the_coarsest_level():
    assert TINY.pitches % TINY.coarsest == 0
    assert replace(TINY, octaves=5.9).pitches % TINY.coarsest == 0
