"""The network behind ``mini-ensemble``: what is asked for shares the mixture with the rest."""

from dataclasses import replace

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.models.conditioned_band_split_rnn import (
    ConditionedBandSplitRNN,
    ConditionedBandSplitRNNConfig,
)

TINY = ConditionedBandSplitRNNConfig(
    sources=("vn", "va", "vc", "rest"),
    sample_rate=7600,  # no band is of one bin, of which a norm would leave nothing
    channels=1,
    n_fft=256,
    hop=64,
    features=4,
    hidden=5,
    layers=2,
)
MIXTURE = torch.linspace(-40, 40, 2 * 3001).sin().reshape(2, 1, 3001)


@pytest.fixture
def network():
    return ConditionedBandSplitRNN(TINY).eval()


def test_everything_but_the_rest_is_told(network):
    assert network.labels == TINY.told == ("vn", "va", "vc")
    assert replace(TINY, rest="else").told == TINY.sources


def test_what_was_asked_for_and_the_rest_add_up_to_the_mixture(network):
    estimates = network(MIXTURE, torch.tensor([[1.0, 0, 1], [0, 0, 0]]))

    torch.testing.assert_close(estimates.sum(dim=1), MIXTURE, rtol=0, atol=1e-5)


def test_what_was_not_asked_for_is_silent(network):
    estimates = network(MIXTURE, torch.tensor([[1.0, 0, 1], [0, 1, 0]]))
    silent = estimates.abs().amax(dim=(2, 3)) == 0

    assert silent.tolist() == [[False, True, False, False], [True, False, True, False]]


def test_nothing_asked_of_a_network_without_a_rest_is_silence():
    network = ConditionedBandSplitRNN(replace(TINY, rest="else"))
    estimates = network(MIXTURE, torch.zeros(2, 4))
    estimates.sum().backward()

    assert not estimates.any()


def test_labels_change_how_the_rest_is_found(network):
    """Not only who shares: two requests of one instrument each hear the mixture differently."""
    with torch.no_grad():
        for tell in network.tell:
            tell.weight.normal_()
    first, second = (
        network(MIXTURE, torch.tensor([labels, labels])) for labels in ([1.0, 0, 0], [0, 1.0, 0])
    )

    assert (first[:, 3] - second[:, 3]).abs().amax(dim=(1, 2)).min() > 1e-3


def test_a_rest_alone_is_refused():
    with pytest.raises(ConfigError, match="there must be a source beside 'rest'"):
        replace(TINY, sources=("rest",))
