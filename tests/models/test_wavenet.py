"""The Wavenet: the published sizes, what a sample depends on, and where blocks meet."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.models.wavenet import Wavenet, WavenetConfig
from unmixcli.network import Geometry
from unmixcli.schedule import Schedule

VOICE = ("vocals", "accompaniment")
STEMS = ("vocals", "drums", "bass", "other")
TINY = WavenetConfig(
    sources=("a", "b", "c"),
    sample_rate=8000,
    channels=1,
    stacks=2,
    dilations=(1, 2, 4),
    residual=6,
    skip=5,
    final=(12, 7),
)
EDGE = 3  # one sample for the first convolution and one for each of the last but the output


def drawn(
    dilations: list[int], kernel_size: int, stacks: int, padding: int, **more
) -> WavenetConfig:
    config = replace(
        TINY, dilations=tuple(dilations), kernel_size=kernel_size, stacks=stacks, padding=0, **more
    )
    return replace(config, padding=min(padding, config.reach))


configurations = st.builds(
    drawn,
    sources=st.sampled_from([VOICE, STEMS]),
    stacks=st.integers(1, 3),
    dilations=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    kernel_size=st.sampled_from([3, 5]),
    final_kernels=st.sampled_from([(3, 3), (1, 3), (5, 1)]),
    padding=st.integers(0, 2),
)


def network(config: WavenetConfig = TINY) -> Wavenet:
    torch.manual_seed(1)
    return Wavenet(config).double().eval()


def noise(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def long_pass(model: Wavenet, mixture: Tensor) -> Tensor:
    """Predict a whole track at once, so far into silence that no edge is left."""
    reach = model.config.reach + 16
    with torch.inference_mode():
        return model(F.pad(mixture, (reach, reach))[None])[0, ..., 16:-16]


def plain(model: Wavenet, mixture: Tensor) -> Tensor:
    """Return the target field as the paper's figure 1 has it: every layer over all of the input."""
    config, length = model.config, mixture.shape[-1]
    middle, half = length // 2, (length - config.receptive_field + 1) // 2
    wanted = slice(middle - half - config.padding, middle + half + config.padding + 1)
    features, skips = model.first(mixture), []
    for block, dilation in zip(model.blocks, config.stacks * config.dilations, strict=True):
        reach = dilation * (config.kernel_size - 1) // 2
        both = F.conv1d(features, block.dilated.weight, padding=reach, dilation=dilation)
        signal, gate = both[:, : config.residual], both[:, config.residual :]
        mixed = block.mix(torch.tanh(signal) * torch.sigmoid(gate))
        features = features + mixed[:, : config.residual]
        skips.append(mixed[:, config.residual :, wanted])
    summed = torch.relu(torch.stack(skips).sum(dim=0))
    return model.output(model.final[1](torch.relu(model.final[0](summed))))[:, :, None]


def streamed(model: Wavenet, mixture: Tensor, schedule: Schedule, batch_size: int = 1) -> Tensor:
    engine = Engine(
        name="wavenet",
        network=model,
        plan=ChunkPlan(geometry=model.geometry, schedule=schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
        batch_size=batch_size,
    )
    blocks = separate_stream(mixture.split(333, dim=-1), mixture.shape[-1], [engine])
    return torch.cat([*blocks], dim=-1)


@pytest.mark.parametrize(
    ("filters", "stacks", "sources", "size"),
    [
        (512, 1, STEMS, 25_692_419),
        (512, 1, VOICE, 25_691_905),
        (256, 2, STEMS, 13_633_027),
        (256, 2, VOICE, 13_632_513),
        (128, 3, STEMS, 6_292_611),
        (128, 3, VOICE, 6_292_097),
        (64, 4, STEMS, 3_277_763),
        (64, 4, VOICE, 3_277_249),
        (32, 5, STEMS, 2_179_939),
        (32, 5, VOICE, 2_179_425),
    ],
)
def test_sizes_are_the_published(filters, stacks, sources, size):
    with torch.device("meta"):
        model = Wavenet(
            WavenetConfig(
                sources=sources,
                sample_rate=16_000,
                channels=1,
                stacks=stacks,
                residual=filters,
                skip=filters,
            )
        )

    assert sum(parameter.numel() for parameter in model.parameters()) == size
    assert model.config.receptive_field == 2046 * stacks + 1
    assert model.geometry(1601) == Geometry(2046 * stacks + 1601, 1601, edge=EDGE)


def test_only_the_output_has_a_bias():
    names = [name for name in network().state_dict() if name.endswith("bias")]

    assert names == ["output.bias"]


def test_weights_are_drawn_as_the_original_drew_them():
    model = Wavenet(replace(TINY, final=(300, 200)))
    weights = model.final[1].weight

    assert weights.abs().max() <= sqrt(6 / (3 * (300 + 200)))
    assert weights.std().item() == pytest.approx(sqrt(2 / (3 * (300 + 200))), rel=0.05)
    assert not model.output.bias.any()


@given(config=configurations, target=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_blocks_that_compute_no_more_than_needed_change_nothing(config, target):
    model = network(config)
    mixture = noise(2, 1, model.geometry(target).input_length)

    with torch.inference_mode():
        torch.testing.assert_close(model.target_field(mixture), plain(model, mixture))


@given(config=configurations, target=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_the_output_is_shorter_by_the_receptive_field(config, target):
    model = network(config)
    geometry = model.geometry(target)

    with torch.inference_mode():
        estimates = model(noise(2, 1, geometry.input_length))

    assert geometry.input_length == target + config.receptive_field - 1
    assert estimates.shape == (2, len(config.sources), 1, target)


@pytest.mark.parametrize("sources", [VOICE, STEMS], ids=len)
def test_the_last_source_is_what_the_others_leave(sources):
    model = network(replace(TINY, sources=sources))
    mixture = noise(2, 1, 101)
    reach = 14

    with torch.inference_mode():
        estimates = model(mixture)
        field = model.target_field(mixture)

    assert torch.equal(estimates[:, :-1], field[..., 1:-1])
    torch.testing.assert_close(estimates.sum(dim=1), mixture[..., reach:-reach])


def test_the_output_is_linear_in_what_comes_before():
    """No ReLU before the last convolution, no tanh after it: the sign goes through."""
    model = network()
    mixture = noise(1, 1, 100)

    with torch.inference_mode():
        field = model.target_field(mixture)
        model.final[1].weight.mul_(-1000)
        torch.testing.assert_close(model.target_field(mixture), -1000 * field)


@pytest.mark.parametrize(
    ("half", "expected"), [(slice(6), 0.0), (slice(6, 12), 0.5)], ids=["signal", "gate"]
)
def test_the_first_half_is_the_signal_and_the_second_its_gate(half, expected):
    block = network().blocks[0]
    features = noise(1, 6, 20)
    with torch.inference_mode():
        block.dilated.weight[half] = 0
        signal = block.dilated(features).chunk(2, dim=1)[0].tanh()
        added = block(features, 1, 1)[0] - features[..., 1:-1]

        torch.testing.assert_close(added, expected * block.mix(signal)[:, :6])


def few_filters(stacks: int) -> WavenetConfig:
    return WavenetConfig(
        sources=VOICE,
        sample_rate=16_000,
        channels=1,
        stacks=stacks,
        residual=6,
        skip=6,
        final=(8, 6),
    )


@pytest.mark.parametrize("stacks", [1, 4])
def test_a_sample_depends_on_six_more_samples_than_the_receptive_field(stacks):
    """8191 for four stacks; the authors count 8185, for the dilated convolutions alone."""
    model = network(few_filters(stacks))
    mixture = noise(1, 1, model.geometry(2 * EDGE + 1).input_length).requires_grad_()

    model(mixture)[0, 0, 0, EDGE].backward()

    assert torch.equal(mixture.grad.nonzero()[:, -1], torch.arange(2046 * stacks + 7))


def test_only_the_first_and_the_last_sample_of_a_block_are_off():
    """Two more at either end are off in theory, by a product of forty filters' outermost taps."""
    model = network(few_filters(4))
    mixture = noise(1, model.geometry(1700).input_length)

    with torch.inference_mode():
        block = model(mixture[None, :, 50:-49])[0]
        off = (block - model(mixture[None])[0, ..., 50:-49]).abs().amax(dim=(0, 1))

    assert len(off) == 1601
    assert (off > 1e-9).nonzero().flatten().tolist() == [0, 1600]
    assert off[[0, -1]].min() > 1e-3


@given(config=configurations, target=st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_no_more_than_the_edge_is_off(config, target):
    model = network(config)
    geometry = model.geometry(target)
    mixture = noise(1, 1, geometry.input_length + 40)

    with torch.inference_mode():
        off = (model(mixture[..., 20:-20]) - model(mixture)[..., 20:-20]).abs().amax(dim=(0, 1, 2))

    assert off[geometry.edge : -geometry.edge].max() < 1e-9


@given(samples=st.integers(1, 900), segment=st.integers(1, 80), stacks=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_seamless_chunks_equal_one_long_pass(samples, segment, stacks):
    model = network(replace(TINY, stacks=stacks))
    mixture = noise(1, samples)
    published = Schedule(segment=segment, power=0.0, origin=model.config.reach)

    stitched = streamed(model, mixture, seamless(model, published, "wavenet"), batch_size=3)

    torch.testing.assert_close(stitched, long_pass(model, mixture), atol=1e-9, rtol=0)


def test_seamless_chunks_mend_what_published_ones_leave_at_their_ends():
    model = network(few_filters(1)).float()
    mixture = noise(1, 6000).float()
    whole = long_pass(model, mixture)
    published = Schedule(segment=1601, power=0.0, origin=model.config.reach)

    official = streamed(model, mixture, published)
    mended = streamed(model, mixture, seamless(model, published, "wavenet"))

    torch.testing.assert_close(mended, whole, atol=1e-5, rtol=0)
    assert (official - whole).abs().max() > 1e-3


@given(samples=st.integers(29, 900), target=st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_published_chunks_equal_the_published_loop(samples, target):
    """Fragments from the track's first sample on, the last one filled up with zeros."""
    model = network()
    mixture = noise(1, samples)
    reach, length = 14, model.geometry(target).input_length
    fragments = [
        F.pad(piece := mixture[:, start : start + length], (0, length - piece.shape[-1]))
        for start in range(0, samples - 2 * reach, target)
    ]
    with torch.inference_mode():
        made = torch.cat([model(piece[None])[0] for piece in fragments], dim=-1)

    schedule = Schedule(segment=target, power=0.0, origin=reach)
    estimates = streamed(model, mixture, schedule, batch_size=4)

    assert estimates.shape == (3, 1, samples)
    expected = made[..., : samples - 2 * reach]
    torch.testing.assert_close(estimates[..., reach : samples - reach], expected)


@given(segment=st.integers(1, 200), origin=st.integers(0, 500), samples=st.integers(1, 600))
@settings(max_examples=100, deadline=None)
def test_a_chunk_starts_at_the_origin_and_all_cover_the_track(segment, origin, samples):
    plan = ChunkPlan(
        geometry=network().geometry, schedule=Schedule(segment=segment, power=0.0, origin=origin)
    )

    chunks = list(plan.chunks(samples, recorded([])))

    assert all((chunk.start - origin) % segment == 0 for chunk in chunks[1:])
    assert [position for chunk in chunks for position in range(chunk.start, chunk.stop)] == list(
        range(samples)
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"channels": 2}, "channels must be in 1..1"),
        ({"sources": ("a",)}, "number of sources"),
        ({"kernel_size": 4}, "must be odd"),
        ({"final_kernels": (3, 2)}, "must be odd"),
        ({"final_kernels": (3,)}, "final_kernels must be 2 integers"),
        ({"final": (1, 2, 3)}, "final must be 2 integers"),
        ({"final": [12, 7]}, "final must be 2 integers"),
        ({"final": (12, True)}, "final must be an integer"),
        ({"final": (12, 10**9)}, "final must be an integer"),
        ({"dilations": ()}, "dilations must be 1 to 32 integers"),
        ({"dilations": (1, 0)}, "dilations must be an integer"),
        ({"dilations": (2**20,) * 32}, "context of a sample"),
        ({"dilations": (1,), "stacks": 1, "padding": 2}, "padding must be in 0..1"),
        ({"residual": 4096, "skip": 4096, "stacks": 32}, "weights of the blocks"),
        ({"final": (8192, 8192), "final_kernels": (63, 63)}, "weights of the output"),
    ],
)
def test_impossible_configurations_are_refused(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        replace(TINY, **changes)
