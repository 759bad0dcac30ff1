"""Weights of a few bits, in memory and in the native format."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from unmixcli.errors import WeightsError
from unmixcli.schedule import Schedule
from unmixcli.weights import checkpoint
from unmixcli.weights.quantised import Quantised, dense
from unmixcli.weights.registry import architecture, configure

CONFIG = {"sources": ["a", "b"], "sample_rate": 8000, "channels": 1, "width": 2, "depth": 2}


@given(st.integers(2, 14), st.floats(-2, -0.01), st.floats(0.01, 2))
def test_the_ends_of_the_ladder_are_the_lowest_and_the_highest(bits, low, high):
    weight = Quantised(torch.tensor([[0, 2**bits - 1]]), bits, low, high, (2,))

    torch.testing.assert_close(weight.dequantise(), torch.tensor([low, high]), rtol=0, atol=1e-6)


def test_what_is_dense_is_left_alone():
    weight = torch.zeros(3)

    assert dense(weight) is weight


@pytest.mark.parametrize(
    ("levels", "bits"),
    [
        (torch.zeros(1, 5, dtype=torch.uint8), 8),
        (torch.zeros(2, 3, dtype=torch.uint8), torch.tensor([8, 8, 8])),
        (torch.zeros(2, 3, dtype=torch.uint8), torch.tensor([8, 0])),
        (torch.zeros(2, 3, dtype=torch.uint8), 17),
    ],
)
def test_impossible_ladders_are_refused(levels, bits):
    with pytest.raises(ValueError, match=r"levels|bit widths"):
        Quantised(levels, bits, 0.0, 1.0, (2, 3))


@pytest.fixture
def kept(tmp_path):
    """A native file with quantised weights, what is in it, and its header."""
    network = architecture("demucs").build(configure("demucs", CONFIG))
    state = dict(network.state_dict())
    levels = torch.arange(state["lstm.linear.weight"].numel() % 200 + 1, dtype=torch.uint8)
    shape = tuple(state["lstm.linear.weight"].shape)
    levels = levels.repeat(1000)[: state["lstm.linear.weight"].numel()]
    bits = torch.full((len(levels) // 4, 1), 8, dtype=torch.uint8)
    state["lstm.linear.weight"] = Quantised(levels.reshape(-1, 4), bits, -0.5, 0.5, shape)
    state["encoder.0.0.bias"] = Quantised(torch.tensor([[0, 3]], dtype=torch.uint8), 2, 0, 1, (2,))
    header = checkpoint.Header(
        architecture="demucs",
        config=configure("demucs", CONFIG),
        schedule=Schedule(segment=8000),
        licence="CC0-1.0",
        provenance="made by a test",
    )

    path = tmp_path / "small.safetensors"
    checkpoint.save(path, state, header)
    return path, state, header


def test_quantised_weights_are_kept_in_a_native_file(kept):
    path, state, header = kept

    read, loaded = checkpoint.load(path)

    assert read == header
    for name, weight in state.items():
        assert torch.equal(loaded.state_dict()[name], dense(weight))


@pytest.mark.parametrize(
    "change",
    [{"bits": 0}, {"bits": "x"}, {"shape": [3]}, {"low": None}, {"bits": None}],
    ids=str,
)
def test_a_native_file_that_lies_about_its_ladders_is_refused(kept, change):
    path, _, _ = kept
    values = json.loads(checkpoint.safetensors_file.read_metadata(path)[checkpoint.KEY])
    values["quantised"]["encoder.0.0.bias"].update(change)
    save_file(load_file(path), path, metadata={checkpoint.KEY: json.dumps(values)})

    with pytest.raises(WeightsError, match=r"is not a file of unmixcli weights|does not fit"):
        checkpoint.load(path)
