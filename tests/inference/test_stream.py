"""Streaming changes when samples are computed, never what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import textbook
from fakes import (
    BrokenNetwork,
    DecimatingNetwork,
    EchoNetwork,
    PositionNetwork,
    SmoothingNetwork,
    config,
)
from unmixcli.errors import DeviceError, WeightsError
from unmixcli.inference import stream
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan, seamless
from unmixcli.inference.shifts import recorded, seeded
from unmixcli.inference.stream import separate_stream
from unmixcli.schedule import Context, Schedule, ShiftScope, Tail

CPU = torch.device("cpu")
PUBLISHED = Schedule(segment=400, overlap=0.25, tail=Tail.SHORTEN, max_shift=50)


def engine(network, schedule, *, draw=None, **options):
    return Engine(
        name="fake",
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=schedule),
        draw=draw or seeded(schedule, 0),
        device=CPU,
        **options,
    )


def separate(network, mixture, schedule, *, block=1000, draw=None, **options):
    engines = [engine(network, schedule, draw=draw, **options)]
    return torch.cat([*separate_stream(mixture.split(block, -1), mixture.shape[-1], engines)], -1)


def noise(rng, channels, samples):
    return 2 * torch.rand(channels, samples, generator=rng) - 1


schedules = st.builds(
    Schedule,
    segment=st.integers(1, 700) | st.none(),
    overlap=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8]),
    power=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    tail=st.sampled_from(Tail),
    context=st.sampled_from(Context),
    shifts=st.integers(0, 3),
    shift_scope=st.sampled_from(ShiftScope),
    max_shift=st.integers(3, 90),
)


@given(schedule=schedules, samples=st.integers(1, 2000), channels=st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_what_an_identity_network_returns_is_the_mixture(schedule, samples, channels):
    mixture = noise(torch.Generator().manual_seed(samples), channels, samples)
    if schedule.segment == 1:
        schedule = replace(schedule, power=0.0)

    estimates = separate(EchoNetwork(config(channels=channels)), mixture, schedule)

    assert estimates.shape == (2, channels, samples)
    torch.testing.assert_close(estimates, mixture.expand_as(estimates), atol=1e-6, rtol=0)


@given(schedule=schedules, samples=st.integers(10, 1500), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_click_stays_at_its_sample(schedule, samples, data):
    at = data.draw(st.integers(0, samples - 1))
    if schedule.segment == 1:
        schedule = replace(schedule, power=0.0)
    mixture = torch.zeros(2, samples)
    mixture[:, at] = 1

    estimates = separate(EchoNetwork(config()), mixture, schedule)

    assert estimates[0, 0].nonzero().tolist() == [[at]]


@given(
    schedule=st.builds(
        replace,
        st.just(PUBLISHED),
        segment=st.integers(150, 700) | st.none(),
        overlap=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8]),
        power=st.sampled_from([1.0, 2.0]),
        context=st.sampled_from(Context),
        shifts=st.integers(0, 3),
        shift_scope=st.sampled_from(ShiftScope),
    ),
    samples=st.integers(1, 2500),
)
@settings(max_examples=80, deadline=None)
def test_streaming_equals_the_textbook_loop(schedule, samples):
    mixture = noise(torch.Generator().manual_seed(samples), 2, samples)
    network = PositionNetwork(config())
    offsets = torch.randint(0, 51, (500,), generator=torch.Generator().manual_seed(3)).tolist()

    streamed = separate(network, mixture, schedule, draw=recorded(offsets))

    expected = textbook.separate(network, mixture, schedule, iter(offsets))
    torch.testing.assert_close(streamed, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("block", [1, 64, 999, 5000], ids="block={}".format)
@pytest.mark.parametrize("shifts", [0, 2], ids="shifts={}".format)
def test_block_size_changes_no_bit(rng, block, shifts):
    mixture = noise(rng, 2, 3003)
    schedule = replace(PUBLISHED, shifts=shifts)

    streamed = separate(PositionNetwork(config()), mixture, schedule, block=block)

    assert torch.equal(streamed, separate(PositionNetwork(config()), mixture, schedule, block=3003))


@pytest.mark.parametrize("batch_size", [2, 3, 100], ids="batch={}".format)
@pytest.mark.parametrize("shifts", [0, 3], ids="shifts={}".format)
def test_batches_give_what_single_chunks_give(rng, batch_size, shifts):
    mixture = noise(rng, 2, 5000)
    schedule = replace(PUBLISHED, shifts=shifts)
    network = SmoothingNetwork(config())

    batched = separate(network, mixture, schedule, batch_size=batch_size)

    torch.testing.assert_close(batched, separate(network, mixture, schedule), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [SmoothingNetwork, DecimatingNetwork])
@pytest.mark.parametrize("samples", [1, 399, 400, 1003])
def test_seamless_chunks_equal_one_long_pass(rng, kind, samples):
    mixture = noise(rng, 2, samples)
    network = kind(config())
    schedule = seamless(network, replace(PUBLISHED, segment=401), "fake")

    stitched = separate(network, mixture, schedule)

    length = -(-samples // 4) * 4  # one pass must begin with the track to be in phase with it
    whole = textbook.predict(network, textbook.window(mixture), 0, length)[..., :samples]
    torch.testing.assert_close(stitched, whole, atol=1e-6, rtol=0)


def test_official_chunks_of_a_decimating_network_do_not(rng):
    """The grid's phase matters: what ``--chunking seamless`` is for."""
    mixture = noise(rng, 2, 4000)
    network = DecimatingNetwork(config())
    schedule = Schedule(segment=401, power=0.0, tail=Tail.SHIFT)

    whole = separate(network, mixture, Schedule(segment=None, power=0.0))

    assert (separate(network, mixture, schedule) - whole).abs().max() > 1e-2


def test_the_last_chunk_replaces_what_it_covers():
    """Wave-U-Net's loop: the last window moves back to end with the track and overwrites."""
    network = PositionNetwork(config(sources=1, channels=1))
    mixture = torch.ones(1, 250)
    schedule = Schedule(segment=100, power=0.0, tail=Tail.SHIFT)

    stitched = separate(network, mixture, schedule)

    last = textbook.predict(network, textbook.window(mixture), 150, 100)
    second = textbook.predict(network, textbook.window(mixture), 100, 100)
    torch.testing.assert_close(stitched[..., 150:], last)
    torch.testing.assert_close(stitched[..., 100:150], second[..., :50])


def test_an_ensemble_averages_with_each_members_shares(rng):
    mixture = noise(rng, 2, 1500)
    loud, network = EchoNetwork(config()), SmoothingNetwork(config())
    engines = [
        engine(loud, PUBLISHED, shares=(1.0, 3.0)),
        engine(network, replace(PUBLISHED, segment=300, shifts=2), shares=(1.0, 0.0)),
    ]

    both = torch.cat([*separate_stream(mixture.split(100, -1), 1500, engines)], -1)

    other = separate(network, mixture, replace(PUBLISHED, segment=300, shifts=2))
    torch.testing.assert_close(both[0], (mixture + other[0]) / 2, atol=1e-6, rtol=0)
    torch.testing.assert_close(both[1], mixture, atol=1e-6, rtol=0)


def test_a_mono_network_separates_each_channel_on_its_own(rng):
    mixture = noise(rng, 2, 1000)
    network = SmoothingNetwork(config(channels=1))

    estimates = separate(network, mixture, PUBLISHED, batch_size=3)

    alone = [separate(network, mixture[row : row + 1], PUBLISHED) for row in (0, 1)]
    torch.testing.assert_close(estimates, torch.cat(alone, dim=1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("shifts", [0, 2], ids="shifts={}".format)
@pytest.mark.parametrize("batch_size", [1, 4], ids="batch={}".format)
def test_what_is_held_never_exceeds_a_segment_and_its_context(rng, monkeypatch, shifts, batch_size):
    held: list[int] = []

    class Reader(stream.SlidingReader):
        def read(self, chunk):
            result = super().read(chunk)
            held.append(self.held)
            return result

    class Adder(stream.OverlapAdder):
        def add(self, chunk, estimate):
            super().add(chunk, estimate)
            held.append(self.held)

    monkeypatch.setattr(stream, "SlidingReader", Reader)
    monkeypatch.setattr(stream, "OverlapAdder", Adder)
    network = SmoothingNetwork(config())
    schedule = replace(PUBLISHED, shifts=shifts)
    block = 50

    separate(network, noise(rng, 2, 50_000), schedule, block=block, batch_size=batch_size)

    hop = 300
    context = 2 * network.reach + (schedule.max_shift if shifts else 0)
    assert max(held) <= 400 + context + block + (batch_size - 1) * hop


def test_values_that_are_not_finite_name_the_model_and_the_place(rng):
    network = BrokenNetwork(config(sample_rate=100))

    with pytest.raises(WeightsError, match=r"'fake' gives values .* at 3\.0 s"):
        separate(network, noise(rng, 2, 1000), PUBLISHED)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "mps", "python"],
)
def test_a_device_out_of_memory_says_what_to_make_smaller(rng, error):
    class Hungry(EchoNetwork):
        def forward(self, mixture):
            raise error

    with pytest.raises(DeviceError, match="out of memory at 1 x 400 samples") as caught:
        separate(Hungry(config()), noise(rng, 2, 1000), PUBLISHED)

    assert "--segment" in str(caught.value.hint)


def test_what_else_goes_wrong_in_a_network_is_not_hidden(rng):
    class Wrong(EchoNetwork):
        def forward(self, mixture):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        separate(Wrong(config()), noise(rng, 2, 1000), PUBLISHED)
