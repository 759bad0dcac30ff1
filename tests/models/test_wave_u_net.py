"""Wave-U-Net: the paper's lengths and sizes, and how its parts are put together."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import textbook
from unmixcli.errors import ConfigError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.layers.crop import centre_crop
from unmixcli.models.wave_u_net import WaveUNet, WaveUNetConfig
from unmixcli.network import Geometry
from unmixcli.schedule import Schedule, Tail

TINY = WaveUNetConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=2,
    depth=3,
    width=4,
    down_kernel=5,
    up_kernel=3,
    output_kernel=3,
    upsampling="learned",
)
VOICE = ("accompaniment", "vocals")
PUBLISHED = WaveUNetConfig(sources=VOICE, sample_rate=22_050, channels=2)
SMALL = replace(PUBLISHED, depth=4, width=2)

configs = st.builds(
    replace,
    st.just(TINY),
    depth=st.integers(1, 4),
    width=st.integers(1, 3),
    channels=st.integers(1, 2),
    sources=st.sampled_from([("a", "b"), ("a", "b", "c")]),
    down_kernel=st.integers(1, 9),
    up_kernel=st.integers(1, 6),
    output_kernel=st.integers(1, 5),
    context=st.booleans(),
    upsampling=st.sampled_from(["linear", "learned"]),
    difference=st.booleans(),
    activation=st.sampled_from(["tanh", "linear"]),
)


def loud(network: WaveUNet, gain: float = 6.0) -> WaveUNet:
    """Draw biases, too, and all weights so large that every level is heard in the output."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.dim() == 1:
                weights.normal_(0, 0.3)
            else:
                weights.normal_(0, (gain / weights[0].numel()) ** 0.5 / 2)
    return network.eval()


def noise(network: WaveUNet, target: int) -> torch.Tensor:
    length = network.geometry(target).input_length
    return torch.randn(1, network.config.channels, length) / 3


@pytest.mark.parametrize(
    ("target", "read", "predicted"),
    [(16_384, 147_443, 16_389), (98_560, 233_459, 102_405), (16_390, 151_539, 20_485)],
)
def test_geometry_is_the_papers(target, read, predicted):
    assert PUBLISHED.geometry(target) == Geometry(read, predicted)
    assert PUBLISHED.lost == 131_054


@pytest.mark.parametrize("frames", range(6, 41))
def test_lengths_follow_from_the_frames_of_the_bottleneck(frames):
    read, predicted = 4096 * frames + 110_579, 4096 * frames - 20_475

    assert PUBLISHED.geometry(predicted) == Geometry(read, predicted)
    assert PUBLISHED.geometry(predicted - 4095) == Geometry(read, predicted)
    assert PUBLISHED.geometry(predicted + 1) == Geometry(read + 4096, predicted + 4096)


def test_a_zero_padded_network_predicts_what_it_reads():
    config = replace(PUBLISHED, context=False)

    for target in (1, 1000, 16_384):
        geometry = config.geometry(target)
        assert geometry.input_length == geometry.output_length == target


@given(config=configs, target=st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_the_output_is_as_long_as_geometry_says(config, target):
    network = WaveUNet(config).eval()
    geometry = network.geometry(target)
    with torch.inference_mode():
        estimates = network(torch.randn(1, config.channels, geometry.input_length))

    assert geometry.output_length >= target
    assert not config.context or geometry.output_length < target + config.step
    assert estimates.shape == (1, len(config.sources), config.channels, geometry.output_length)


@given(target=st.integers(1, 200), off=st.integers(1, 7))
@settings(max_examples=20, deadline=None)
def test_a_length_of_no_geometry_is_refused(target, off):
    network = WaveUNet(TINY)
    length = network.geometry(target).input_length

    with pytest.raises(ValueError, match=f"cannot read {length + off} samples"):
        network(torch.zeros(1, 2, length + off))


def test_a_context_that_is_too_short_is_refused():
    network = WaveUNet(TINY)
    least = network.geometry(1).input_length

    for length in (least - 8, 8, 1):
        with pytest.raises(ValueError, match=f"only {least} and every 8 more"):
            network(torch.zeros(1, 2, length))


def test_a_surplus_is_read_but_not_predicted_from():
    """The authors' rule may count more taps than their first convolution has."""
    plain, surplus = (loud(WaveUNet(replace(SMALL, surplus=count))).train() for count in (0, 6))
    mixture = noise(surplus, 50)

    estimates = surplus(mixture)

    assert mixture.shape[-1] == plain.geometry(50).input_length + 6
    assert estimates.shape[-1] == plain.geometry(50).output_length
    torch.testing.assert_close(surplus.encode(mixture)[0], plain.encode(mixture[..., :-6])[0])
    middle = centre_crop(mixture, estimates.shape[-1])
    torch.testing.assert_close(estimates.sum(dim=1), middle)


def test_slopes_are_a_fifth():
    network = WaveUNet(replace(SMALL, channels=1, depth=1, width=1, down_kernel=1))
    with torch.no_grad():
        for convolution in (*network.down, network.bottleneck):
            convolution.weight.fill_(1)

    features, skips = network.encode(torch.tensor([[[-1.0, 2.0, 3.0]]]))

    torch.testing.assert_close(skips[0], torch.tensor([[[-0.2, 2.0, 3.0]]]))
    torch.testing.assert_close(features[0, 1:], features[0, :1])
    torch.testing.assert_close(features[0, 0], torch.tensor([-0.04, 3.0]))


def test_levels_keep_every_other_frame_from_the_first():
    network = WaveUNet(replace(SMALL, channels=1, depth=3, width=1, down_kernel=1))
    with torch.no_grad():
        for convolution in (*network.down, network.bottleneck):
            convolution.weight.zero_()
            convolution.weight[:, 0] = 1

    features, _ = network.encode(torch.arange(17.0)[None, None])

    assert features[0, 0].tolist() == [0, 8, 16]


def test_skips_come_before_what_is_upsampled():
    network = loud(WaveUNet(SMALL))
    features, skips = network.encode(noise(network, 60))
    with torch.no_grad():
        for level, convolution in enumerate(network.up):
            convolution.weight[:, : SMALL.widths[SMALL.depth - 1 - level]] = 0
    silent = [torch.zeros_like(skip) for skip in skips]

    torch.testing.assert_close(
        network.decode(features, skips.copy()), network.decode(features, silent)
    )


def test_the_output_reads_the_mixture_before_the_features():
    network = WaveUNet(replace(SMALL, difference=False, activation="linear", clip=False))
    mixture = noise(network, 40)
    with torch.no_grad():
        for number, head in enumerate(network.heads):
            head.weight.zero_()
            head.weight[:, :2, 0] = torch.eye(2) * (number + 1)

    estimates = network(mixture)

    middle = centre_crop(mixture, estimates.shape[-1])
    torch.testing.assert_close(estimates, torch.stack([middle, 2 * middle], dim=1))


def test_learned_shares_are_those_of_the_map_that_is_upsampled():
    network = WaveUNet(replace(PUBLISHED, width=2, upsampling="learned"))

    assert [len(share) for share in network.interp] == [26 - 2 * level for level in range(12)]
    assert not WaveUNet(replace(PUBLISHED, width=2)).interp
    for share in network.interp:
        assert 0 < share.abs().max() <= (3 / len(share)) ** 0.5


def test_a_large_share_takes_the_frame_before():
    network = loud(WaveUNet(replace(SMALL, upsampling="learned", depth=1)))
    with torch.no_grad():
        network.interp[0].fill_(100)
        network.up[0].weight[:, : SMALL.width] = 0
    features, skips = network.encode(noise(network, 40))
    held = features.repeat_interleave(2, dim=-1)[..., :-1]
    read = torch.cat([centre_crop(skips[0], held.shape[-1]), held], dim=1)

    expected = torch.nn.functional.leaky_relu(network.up[0](read), 0.2)
    torch.testing.assert_close(network.decode(features, skips), expected)


@pytest.mark.parametrize("output_kernel", [1, 3])
def test_a_difference_is_neither_squashed_nor_clipped_in_training(output_kernel):
    network = loud(WaveUNet(replace(SMALL, output_kernel=output_kernel))).train()
    mixture = 9 * noise(network, 100)

    estimates = network(mixture)

    rest = centre_crop(mixture, estimates.shape[-1]) - estimates.sum(dim=1)
    assert rest.abs().max() < 1e-5
    assert estimates[:, -1].abs().max() > 1
    assert estimates[:, :-1].abs().max() <= 1


def test_a_difference_is_clipped_in_evaluation():
    network = loud(WaveUNet(SMALL))
    mixture = 9 * noise(network, 100)
    unclipped = WaveUNet(replace(SMALL, clip=False)).eval()
    unclipped.load_state_dict(network.state_dict())

    estimates = network(mixture)

    assert estimates[:, -1].abs().max() == 1
    torch.testing.assert_close(estimates, unclipped(mixture).clamp(-1, 1))


def test_linear_sources_are_clipped_before_they_are_taken_from_the_mixture():
    network = loud(WaveUNet(replace(SMALL, activation="linear")), gain=60)
    mixture = noise(network, 100)

    estimates = network(mixture)

    rest = centre_crop(mixture, estimates.shape[-1]) - estimates[:, 0]
    assert estimates[:, 0].abs().max() == 1
    torch.testing.assert_close(estimates[:, 1], rest.clamp(-1, 1))
    assert network.train()(mixture)[:, 0].abs().max() > 1


def test_without_a_difference_every_source_has_a_convolution_of_its_own():
    difference, direct = (WaveUNet(replace(TINY, difference=given)) for given in (True, False))

    assert (len(difference.heads), len(direct.heads)) == (2, 3)


def test_zero_padding_is_that_of_the_authors_framework():
    """Of an even kernel's zeros, one more lies at the right."""
    for kernel in (1, 2, 3, 4, 15):
        network = WaveUNet(replace(SMALL, context=False, down_kernel=kernel, depth=1))
        with torch.no_grad():
            network.bottleneck.weight.zero_()
            network.bottleneck.weight[:, :, 0] = 1
        features = torch.zeros(1, 2, 20)
        features[..., 10] = 1

        assert network.bottleneck(features)[0, 0].nonzero().item() == 10 + (kernel - 1) // 2


def test_weights_are_drawn_as_the_authors_framework_drew_them():
    network = WaveUNet(replace(PUBLISHED, depth=2))
    weight = network.bottleneck.weight
    limit = (6 / (15 * (weight.shape[0] + weight.shape[1]))) ** 0.5

    assert 0.99 * limit < weight.abs().max() <= limit
    assert not any(bias.any() for name, bias in network.named_parameters() if "bias" in name)


def engine(network, schedule, **options):
    return Engine(
        name="small",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
        **options,
    )


def streamed(network, mixture, schedule, **options):
    with torch.inference_mode():
        estimates = separate_stream(
            mixture.split(777, -1), mixture.shape[-1], [engine(network, schedule, **options)]
        )
        return torch.cat([*estimates], dim=-1)


def one_pass(network, mixture):
    """One call that is in phase with the track and knows of no end but silence."""
    config, samples = network.config, mixture.shape[-1]
    around = config.edge + 2 * config.step if config.edge else 0
    length = config.step * ceil(samples / config.step) + 2 * around
    read = textbook.window(mixture)
    return textbook.predict(network, read, -around, length)[..., around : around + samples]


@pytest.mark.parametrize("upsampling", ["linear", "learned"])
@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("samples", [1, 333, 2000])
def test_seamless_chunks_equal_one_long_pass(samples, context, upsampling):
    config = replace(SMALL, context=context, upsampling=upsampling, depth=5)
    network = loud(WaveUNet(config))
    schedule = seamless(network, Schedule(segment=389, power=0.0, tail=Tail.SHIFT), "small")
    mixture = torch.randn(2, samples) / 3

    assert schedule.segment == 384 == 12 * network.alignment
    cut = streamed(network, mixture, schedule)
    torch.testing.assert_close(cut, one_pass(network, mixture), atol=1e-5, rtol=0)


@given(config=configs, samples=st.integers(1, 400), segment=st.integers(1, 150))
@settings(max_examples=40, deadline=None)
def test_whatever_can_be_cut_seamlessly_is(config, samples, segment):
    network = loud(WaveUNet(config))
    if network.alignment is None:
        return
    schedule = seamless(network, Schedule(segment=segment, power=0.0), "small")
    mixture = torch.randn(config.channels, samples) / 3

    assert schedule.segment % config.step == 0
    cut = streamed(network, mixture, schedule)
    torch.testing.assert_close(cut, one_pass(network, mixture), atol=1e-5, rtol=0)


def test_the_published_hop_leaves_the_grid_and_a_seamless_one_does_not():
    """16389 samples are four frames of the coarsest level, and five samples."""
    network = loud(WaveUNet(replace(PUBLISHED, width=1)))
    mixture = torch.randn(2, 3 * 16_384) / 3
    official = Schedule(segment=16_389, power=0.0, tail=Tail.SHIFT)

    stitched = streamed(network, mixture, seamless(network, official, "small"))
    published = streamed(network, mixture, official)

    assert (stitched - one_pass(network, mixture)).abs().max() < 1e-5
    in_phase = textbook.predict(network, textbook.window(mixture), 0, 16_389 + 8 * 4096)
    difference = (published - in_phase[..., : mixture.shape[-1]]).abs()
    assert difference[..., :16_389].max() < 1e-5
    assert difference[..., 16_389:].max() > 1e-3


def test_zero_padded_chunks_are_seamless_because_they_throw_away_what_sees_their_ends():
    network = loud(WaveUNet(replace(SMALL, context=False)))
    mixture = torch.randn(2, 1000) / 3
    schedule = seamless(network, Schedule(segment=160, power=0.0), "small")
    whole = one_pass(network, mixture)

    def wrong(margin):
        stitched = streamed(network, mixture, replace(schedule, margin=margin))
        return (stitched - whole).abs().max()

    assert schedule.margin == network.config.edge == 17 * 16
    assert wrong(17 * 16) < 1e-5
    assert wrong(0) > 1e-2
    assert replace(PUBLISHED, context=False).edge == 17 * 4096


def test_only_an_odd_context_has_no_alignment():
    assert WaveUNet(SMALL).alignment == 16
    assert WaveUNet(replace(SMALL, down_kernel=6)).alignment is None
    assert WaveUNet(replace(SMALL, down_kernel=6, up_kernel=4)).alignment == 16
    assert WaveUNet(replace(SMALL, down_kernel=6, context=False)).alignment == 16


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"upsampling": "cubic"}, "upsampling must be one of linear, learned"),
        ({"activation": "relu"}, "activation must be one of tanh, linear"),
        ({"sources": ("a",)}, "number of sources must be in 2..128"),
        ({"surplus": 16}, "surplus must be in 0..15"),
        ({"surplus": 1, "context": False}, "surplus must be in 0..0"),
        ({"width": 512, "depth": 16}, "weights of the widest level"),
        ({"context": 1}, "context must be of type bool"),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        replace(SMALL, **changes)
