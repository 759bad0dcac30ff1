"""The native format: what is written is read, and nothing else is."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from unmixcli.errors import ConfigError, WeightsError
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights import checkpoint
from unmixcli.weights.registry import architecture, configure

CONFIG = {
    "sources": ["a", "b"],
    "sample_rate": 8000,
    "channels": 1,
    "width": 2,
    "depth": 2,
    "lstm_layers": 1,
}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return architecture("demucs").build(configure("demucs", CONFIG))


@pytest.fixture
def header():
    return checkpoint.Header(
        architecture="demucs",
        config=configure("demucs", CONFIG),
        schedule=Schedule(segment=8000, overlap=0.25, tail=Tail.SHORTEN),
        licence="CC0-1.0",
        provenance="made by a test",
    )


@pytest.fixture
def file(tmp_path, network, header):
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(path, network.state_dict(), header)
    return path


def rewritten(path, *, state=None, **changes):
    """Write a file again with some of its header or state changed."""
    with safe_open(path, framework="pt") as opened:
        values = json.loads(opened.metadata()[checkpoint.KEY]) | changes
        tensors = {name: opened.get_tensor(name) for name in opened.keys()} | (state or {})  # noqa: SIM118
    save_file(tensors, path, metadata={checkpoint.KEY: json.dumps(values)})
    return path


def test_what_is_saved_is_loaded(file, network, header):
    read, loaded = checkpoint.load(file)

    assert read == header
    assert not loaded.training
    assert all(
        torch.equal(loaded.state_dict()[name], tensor)
        for name, tensor in network.state_dict().items()
    )


def test_half_precision_is_widened(tmp_path, network, header):
    path = tmp_path / "half.safetensors"
    checkpoint.save(path, {k: v.half() for k, v in network.state_dict().items()}, header)

    _, loaded = checkpoint.load(path)

    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}


def test_the_header_is_read_without_the_weights(file, header):
    assert checkpoint.read_header(file) == header


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "schema 2 is not 1"),
        ({"architecture": "os.system"}, "no architecture named 'os.system'"),
        ({"architecture": "../models/demucs"}, "no architecture named"),
        ({"config": CONFIG | {"width": 10**9}}, "width"),
        ({"config": CONFIG | {"klass": "os.system"}}, "no hyper-parameter 'klass'"),
        ({"config": CONFIG | {"depth": float("nan")}}, "depth"),
        ({"config": CONFIG | {"depth": True}}, "depth"),
        ({"config": "demucs"}, ""),
        ({"inference": {"segment": -1}}, "segment"),
        ({"inference": {"segment": 100, "tail": "wag"}}, "wag"),
    ],
    ids=str,
)
def test_a_header_that_lies_is_refused(file, changes, said):
    with pytest.raises(WeightsError, match=r"tiny\.safetensors") as caught:
        checkpoint.load(rewritten(file, **changes))

    assert said in str(caught.value)


def test_shapes_that_do_not_fit_are_named(file):
    wrong = {"encoder.0.0.weight": torch.zeros(2, 1, 9)}

    with pytest.raises(WeightsError, match=r"'encoder\.0\.0\.weight' is \[2, 1, 9\] where"):
        checkpoint.load(rewritten(file, state=wrong))


def test_tensors_too_many_are_named(file):
    with pytest.raises(WeightsError, match="'extra' is unexpected"):
        checkpoint.load(rewritten(file, state={"extra": torch.zeros(1)}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(file, value):
    wrong = {"encoder.0.0.bias": torch.full((2,), value)}

    with pytest.raises(WeightsError, match=r"not finite in 'encoder\.0\.0\.bias'"):
        checkpoint.load(rewritten(file, state=wrong))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, 1000])
def test_a_file_cut_short_is_refused(file, size):
    file.write_bytes(file.read_bytes()[:size])

    with pytest.raises(WeightsError, match=r"is not a file of unmixcli weights|is empty"):
        checkpoint.load(file)


def test_a_file_of_somebody_elses_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"klass": "os.system", "args": "[]"})

    with pytest.raises(WeightsError, match="is not a file of unmixcli weights"):
        checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file '.*absent\.safetensors'"):
        checkpoint.load(tmp_path / "absent.safetensors")


def test_an_unknown_architecture_lists_the_known():
    with pytest.raises(ConfigError, match="no architecture named 'nope'") as caught:
        architecture("nope")

    assert "demucs" in str(caught.value.hint)
