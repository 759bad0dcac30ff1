"""The network behind ``mini-ensemble``: what is asked for shares the mixture with the rest."""

from dataclasses import replace

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.models.conditioned_harmonic_u_net import (
    ConditionedHarmonicUNet,
    ConditionedHarmonicUNetConfig,
)

TINY = ConditionedHarmonicUNetConfig(
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
    return ConditionedHarmonicUNet(TINY).eval()


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
    network = ConditionedHarmonicUNet(replace(TINY, rest="else"))
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


def test_each_of_two_channels_is_shared_out():
    network = ConditionedHarmonicUNet(replace(TINY, channels=2)).eval()
    stereo = MIXTURE.reshape(1, 2, 3001)
    estimates = network(stereo, torch.tensor([[1.0, 1, 0]]))

    assert estimates.shape == (1, 4, 2, 3001)
    torch.testing.assert_close(estimates.sum(dim=1), stereo, rtol=0, atol=1e-5)


def test_a_rest_alone_is_refused():
    with pytest.raises(ConfigError, match="there must be a source beside 'rest'"):
        replace(TINY, sources=("rest",))
