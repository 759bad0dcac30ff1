"""A U-Net over pitch: overtones seen together, every bin shared out."""

from dataclasses import replace

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.models.harmonic_u_net import HarmonicUNet, HarmonicUNetConfig

TINY = HarmonicUNetConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=2,
    n_fft=512,
    hop=128,
    lowest=60.0,
    per_octave=12,
    octaves=6.0,
    widths=(4, 6, 8),
    blocks=(1, 2, 1),
)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [512, 513, 3001, 20_000])
def test_the_estimates_add_up_to_the_mixture(channels, samples):
    network = HarmonicUNet(replace(TINY, channels=channels)).eval()
    mixture = torch.linspace(-90, 90, 2 * channels * samples).sin().reshape(2, channels, samples)
    estimates = network(mixture)

    assert estimates.shape == (2, 3, channels, samples)
    torch.testing.assert_close(estimates.sum(dim=1), mixture, rtol=0, atol=1e-5)


def test_the_level_of_the_mixture_changes_nothing_but_the_level():
    network = HarmonicUNet(TINY).eval()
    mixture = torch.randn(1, 2, 3000, generator=torch.Generator().manual_seed(0))
    loud, quiet = network(mixture), network(0.01 * mixture)

    torch.testing.assert_close(quiet, 0.01 * loud, rtol=0, atol=1e-5)


def test_both_sides_are_seen_and_not_their_mean_alone():
    network = HarmonicUNet(TINY).eval()
    mixture = torch.randn(1, 2, 3000, generator=torch.Generator().manual_seed(0))
    other = mixture.clone()
    other[:, 1] *= -1
    # What is left is the same, what is seen beside it not.
    first, second = network(mixture)[:, :, 0], network(other)[:, :, 0]

    assert (first - second).abs().max() > 1e-3


def test_a_new_block_changes_next_to_nothing():
    torch.manual_seed(0)
    network = HarmonicUNet(TINY)
    block = network.before[1][0]
    features = torch.randn(1, 6, 36, 8)

    assert (block(features, None) - features).abs().max() < 0.02 * features.abs().max()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"channels": 3}, "channels must be in 1..2, got 3"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop": 400}, r"hop must be in .*, got 400"),
        ({"widths": (4, 6)}, "widths and blocks must be of the same 1 to 8 levels"),
        ({"widths": (4, 6, 8.5)}, "widths must be an integer"),
        ({"blocks": (1, 0, 1)}, "blocks must be an integer in 1..8, got 0"),
        ({"lowest": 5000.0}, "lowest must be in"),
    ],
)
def test_an_impossible_configuration_is_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        replace(TINY, **values)


def test_there_are_whole_pitches_at_the_coarsest_level():
    assert TINY.pitches % TINY.coarsest == 0
    assert replace(TINY, octaves=5.9).pitches % TINY.coarsest == 0
