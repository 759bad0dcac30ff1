"""The bundled kind of network: its bands, its masks, and its pilot weights' output."""

import json
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from unmixcli.errors import ConfigError
from unmixcli.models.band_split_rnn import BandSplitRNN, BandSplitRNNConfig
from unmixcli.network import Geometry

MINI = Path(__file__).parents[3] / "shared" / "weights" / "mini"
TINY = BandSplitRNNConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=2,
    n_fft=256,
    hop=64,
    features=4,
    hidden=5,
    layers=2,
)
FULL = BandSplitRNNConfig(
    sources=("drums", "bass", "other", "vocals"), sample_rate=44100, channels=2
)
# fmt: off
EDGES = [
    0, 9, 19, 28, 37, 46, 56, 65, 74, 84, 93, 116, 139, 163, 186, 209, 232, 255, 279, 302, 325,
    348, 372, 418, 464, 511, 557, 604, 650, 697, 743, 836, 929, 1022, 1115, 1207, 1300, 1393,
    1486, 1765, 2049,
]
# fmt: on


def test_bands_are_the_pilots():
    assert [0, *accumulate(FULL.bands)] == EDGES


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 32000, 48000, 96000])
@pytest.mark.parametrize("n_fft", [64, 256, 2048, 8192])
def test_bands_cover_every_bin_at_every_rate(sample_rate, n_fft):
    config = BandSplitRNNConfig(
        sources=("a",), sample_rate=sample_rate, channels=2, n_fft=n_fft, hop=n_fft // 4
    )

    assert sum(config.bands) == n_fft // 2 + 1
    assert min(config.bands) >= 1


def test_size_is_the_pilots():
    with torch.device("meta"):
        network = BandSplitRNN(FULL)

    assert sum(parameter.numel() for parameter in network.parameters()) == 2_130_448
    assert len(network.state_dict()) == 474


@pytest.mark.skipif(not MINI.is_dir(), reason="needs the pilot weights")
def test_the_pilot_weights_give_the_pilots_output():
    with safe_open(MINI / "mini.safetensors", "pt") as file:
        config = json.loads(file.metadata()["unmixcli"])["config"]
    network = BandSplitRNN(BandSplitRNNConfig(**{**config, "sources": tuple(config["sources"])}))
    state = load_file(MINI / "mini.safetensors")
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    mixture = torch.from_numpy(np.load(MINI / "input.npy"))

    with torch.inference_mode():
        estimates = network.eval()(mixture)

    np.testing.assert_allclose(estimates, np.load(MINI / "output.npy"), rtol=0, atol=1e-5)


def test_estimates_add_up_to_the_mixture():
    network = BandSplitRNN(TINY).eval()
    mixture = torch.randn(2, 2, 3001)

    torch.testing.assert_close(network(mixture).sum(dim=1), mixture, rtol=0, atol=1e-5)


def test_silence_stays_silence():
    estimates = BandSplitRNN(TINY).eval()(torch.zeros(1, 2, 3001))

    assert torch.equal(estimates, torch.zeros(1, 3, 2, 3001))


def test_estimates_follow_the_level_of_the_mixture():
    network = BandSplitRNN(TINY).double().eval()
    mixture = torch.randn(1, 2, 2000, dtype=torch.float64)

    torch.testing.assert_close(network(mixture * 8), network(mixture) * 8, rtol=1e-3, atol=1e-3)


def test_any_length_of_a_frame_or_more_is_given_back():
    network = BandSplitRNN(TINY).eval()
    with torch.inference_mode():
        for samples in range(256, 256 + 2 * 64 + 1):
            assert network(torch.ones(1, 2, samples)).shape[-1] == samples


def test_at_least_one_frame_is_read():
    assert BandSplitRNN(TINY).geometry(3) == Geometry(256, 256)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"channels": 3}, "channels must be in 1..2"),
        ({"n_fft": 255}, "n_fft must be even"),
        ({"hop": 128}, "hop must be in"),
        ({"hop": 1}, "hop must be in"),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        BandSplitRNNConfig(**{**TINY.__dict__, **changes})


def test_blocks_add_to_what_they_read():
    block = BandSplitRNN(TINY).blocks[0]
    features = torch.randn(2, 5, 7, 4)
    with torch.no_grad():
        for layer in (block.pt, block.pb):
            layer.weight.zero_()
            layer.bias.fill_(1)

    torch.testing.assert_close(block(features), features + 2)


def test_a_new_block_changes_next_to_nothing():
    features = torch.randn(2, 5, 7, 4)
    changed = BandSplitRNN(TINY).blocks[0](features)

    assert 0 < (changed - features).abs().max() < 0.02


def test_mono_is_a_network_of_its_own():
    network = BandSplitRNN(replace(TINY, channels=1)).eval()
    mixture = torch.randn(2, 1, 3001)

    torch.testing.assert_close(network(mixture).sum(dim=1), mixture, rtol=0, atol=1e-5)
