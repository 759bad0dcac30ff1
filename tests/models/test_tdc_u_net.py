"""TDC U-Net: the published names and sizes, and a spectrogram that no cut disturbs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from places import SHARED
from unmixcli.errors import ConfigError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import seeded
from unmixcli.inference.stream import separate_stream
from unmixcli.models.tdc_u_net import TDCUNet, TDCUNetConfig
from unmixcli.network import Geometry
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights.published import translate

TINY = TDCUNetConfig(
    sample_rate=8000, channels=2, n_fft=64, hop=32, growth=6, layers=2, depth=2, kernel_size=3
)
FULL = TDCUNetConfig(sample_rate=44_100, channels=2)
WEIGHTS = SHARED / "weights" / "tdc-vocals"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="needs the published weights")


def made(config: TDCUNetConfig = TINY) -> TDCUNet:
    """A network whose running statistics are not those of a fresh one."""
    network = TDCUNet(config)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.1, 0.5)
    return network.eval()


def published(number: int) -> dict[str, torch.Tensor]:
    path = WEIGHTS / f"cac_tdc_17_vocals_top{number}.pt"
    return torch.load(path, weights_only=True, map_location="cpu")


def stream(network: TDCUNet, mixture: torch.Tensor, schedule: Schedule) -> torch.Tensor:
    """Separate as the program does, (2, channels, samples)."""
    engine = Engine(
        name="tdc",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=schedule),
        draw=seeded(schedule, 0),
        device=torch.device("cpu"),
    )
    return torch.cat([*separate_stream(mixture.split(999, -1), mixture.shape[-1], [engine])], -1)


def textbook(network: TDCUNet, mixture: torch.Tensor) -> torch.Tensor:
    """The authors' pass over a whole track, with everything in memory.

    A frame's length of zeros on either side, frames that are not centred, and the
    overlapped frames over the sum of their squared windows.
    """
    n_fft, hop = network.config.n_fft, network.config.hop
    window = torch.hann_window(n_fft)
    padded = pad(mixture, (n_fft, n_fft))
    spectrum = torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True)
    with torch.inference_mode():
        voice = network.predict(spectrum.transpose(1, 2)[None])[0]
    added, squares = torch.zeros_like(padded), torch.zeros(padded.shape[-1])
    for number, frame in enumerate(torch.fft.irfft(voice).unbind(dim=1)):
        added[:, number * hop : number * hop + n_fft] += frame * window
        squares[number * hop : number * hop + n_fft] += window.square()
    voice = (added / squares.clamp(min=1e-8))[:, n_fft:-n_fft]
    return torch.stack([voice, mixture - voice])


def test_size_is_the_published():
    with torch.device("meta"):
        network = TDCUNet(FULL)

    assert sum(parameter.numel() for parameter in network.parameters()) == 535_924
    assert len(network.state_dict()) == 716


@needs_weights
@pytest.mark.parametrize("number", [1, 2, 3])
def test_names_and_shapes_are_the_published(number):
    state = published(number)
    network = TDCUNet(FULL)

    network.load_state_dict(state, strict=True)

    assert all(torch.equal(state[name], tensor) for name, tensor in network.state_dict().items())


@needs_weights
def test_the_published_weights_give_the_published_pass_over_a_track():
    constructed = translate("tdc_u_net", "tdc_u_net.vocals", {})
    network = TDCUNet(constructed.config)
    network.load_state_dict(published(1))
    network.eval()
    mixture = torch.rand(2, 100_001) - 0.5

    estimates = stream(network, mixture, constructed.schedule)

    torch.testing.assert_close(estimates, textbook(network, mixture), rtol=0, atol=1e-5)


@given(
    samples=st.integers(1, 1500),
    hops=st.integers(1, 20),
    hop=st.sampled_from([8, 16, 32]),
    tail=st.sampled_from([Tail.PAD, Tail.SHORTEN]),
)
@settings(max_examples=50, deadline=None)
def test_chunks_of_whole_hops_equal_the_published_pass(samples, hops, hop, tail):
    generator = torch.Generator().manual_seed(samples)
    mixture = torch.rand(2, samples, generator=generator) * 2 - 1
    network = made(replace(TINY, hop=hop))
    schedule = Schedule(segment=hops * hop, power=0.0, tail=tail)

    estimates = stream(network, mixture, schedule)
    torch.testing.assert_close(estimates, textbook(network, mixture), rtol=0, atol=1e-5)


@given(samples=st.integers(1, 1500), segment=st.integers(1, 700))
@settings(max_examples=50, deadline=None)
def test_seamless_chunks_of_any_length_equal_one_pass(samples, segment):
    generator = torch.Generator().manual_seed(samples)
    mixture = torch.rand(2, samples, generator=generator) * 2 - 1
    network = made()
    wanted = Schedule(segment=segment, overlap=0.25, tail=Tail.SHORTEN)

    stitched = stream(network, mixture, seamless(network, wanted, "tdc"))
    whole = stream(network, mixture, replace(wanted, segment=None))

    torch.testing.assert_close(stitched, whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole, textbook(network, mixture), rtol=0, atol=1e-5)


def test_chunks_off_the_grid_have_other_frames():
    """The grid's phase matters: what ``alignment`` is for."""
    network, mixture = made(), torch.rand(2, 1000) - 0.5

    estimates = stream(network, mixture, Schedule(segment=100, power=0.0, tail=Tail.SHORTEN))

    assert (estimates - textbook(network, mixture)).abs().max() > 1e-3


def test_a_sample_reaches_as_far_as_the_frames_that_hold_it():
    network, mixture = made().double(), torch.rand(1, 2, 640, dtype=torch.float64)
    clicked = mixture.clone()
    clicked[..., 320] += 1

    change = (network(clicked) - network(mixture))[0, 0].abs().amax(dim=0)

    # Frames begin every 32 samples; of those that hold sample 320, the window of the last is
    # zero there. What is predicted begins with sample 64.
    assert (change > 1e-12).nonzero().flatten().tolist() == [*range(289 - 64, 352 - 64)]


def test_estimates_add_up_to_the_mixture():
    mixture = torch.rand(2, 2, 1000) - 0.5

    estimates = made()(mixture)

    torch.testing.assert_close(estimates.sum(dim=1), mixture[..., 64:-64], rtol=0, atol=1e-6)


@pytest.mark.parametrize("hop", [2, 8, 16, 32])
def test_an_unchanged_spectrum_is_the_mixture(monkeypatch, hop):
    network = made(replace(TINY, hop=hop))
    monkeypatch.setattr(network, "predict", lambda spectrum: spectrum)
    mixture = torch.rand(1, 2, 501) - 0.5

    estimates = network(mixture)

    torch.testing.assert_close(estimates[:, 0], mixture[..., 64:-64], rtol=0, atol=1e-6)


def test_planes_are_real_and_imaginary_parts_channel_by_channel():
    network = made()
    seen = []
    network.first_conv.register_forward_hook(lambda _, read, __: seen.append(read[0]))
    spectrum = torch.randn(1, 2, 5, 33, dtype=torch.complex64)
    with torch.no_grad():
        network.final_conv[0].weight.zero_()
        network.final_conv[0].bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))

        voice = network.predict(spectrum)

    [planes] = seen
    left, right = spectrum[0]
    expected = torch.stack([left.real, left.imag, right.real, right.imag], dim=1)
    assert torch.equal(planes.squeeze(-1), expected)
    assert voice[0, :, 0, 0].tolist() == [1 + 2j, 3 + 4j]


def test_a_block_feeds_each_layer_the_newest_first():
    block = made().encoders[0]
    features = torch.randn(1, 6, 16)
    fed = []
    for layer in block.H:
        layer.register_forward_hook(lambda _, read, made: fed.append((read[0], made)))

    returned = block(features)

    (first, middle), (second, last) = fed
    assert torch.equal(first, features)
    assert torch.equal(second, torch.cat([middle, features], dim=1))
    assert torch.equal(returned, last)


def test_a_decoder_reads_what_is_upsampled_before_its_encoders_output():
    network = made()
    taken = {}
    for name in ("encoders.0", "upsampling.1"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, made, name=name: taken.update({name: made})
        )
    network.decoders[1].register_forward_pre_hook(lambda _, read: taken.update(read=read[0]))

    network(torch.rand(1, 2, 300))

    expected = torch.cat([taken["upsampling.1"], taken["encoders.0"]], dim=1)
    assert torch.equal(taken["read"], expected)


def test_a_frames_length_is_read_on_either_side():
    assert TDCUNet(TINY).geometry(3) == Geometry(131, 3)
    assert TDCUNet(TINY).alignment == 32


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sources": ("vocals",)}, "sources must be two"),
        ({"hop": 64}, "hop must be in"),
        ({"hop": 24}, "n_fft must be a multiple of hop 24"),
        ({"depth": 6}, "n_fft must be a multiple of 128 at depth 6"),
        ({"kernel_size": 2}, "kernel_size must be odd"),
        ({"growth": 512, "layers": 32}, "weights of all blocks"),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        replace(TINY, **changes)


def test_the_published_defaults_are_the_full_network_in_chunks_of_whole_hops():
    constructed = translate("tdc_u_net", "tdc_u_net.vocals", {})

    assert constructed.config == FULL
    expected = Schedule(segment=64 * 1024, power=0.0, tail=Tail.SHORTEN, max_shift=1024)
    assert constructed.schedule == expected


def test_their_keywords_are_ours():
    options = {"num_blocks": 7, "internal_channels": 8, "num_layers": 2, "kf": 5, "hop_length": 512}
    constructed = translate("tdc_u_net", "tdc_u_net.vocals", options)

    expected = replace(FULL, depth=3, growth=8, layers=2, kernel_size=5, hop=512)
    assert constructed.config == expected
    assert constructed.schedule.segment == 64 * 512


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_blocks": 16}, "num_blocks must be odd"),
        ({"num_blocks": "17"}, "num_blocks must be an integer"),
        ({"num_blocks": 99}, "depth must be in"),
        ({"hop_length": "x"}, "hop must be of type int"),
        ({"evil": 1}, "no hyper-parameter 'evil'"),
    ],
)
def test_impossible_arguments_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        translate("tdc_u_net", "tdc_u_net.vocals", options)
