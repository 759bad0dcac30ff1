import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.audio.resample import StreamingResampler

RATES = [8_000, 11_025, 16_000, 22_050, 44_099, 44_100, 44_101, 47_999, 48_000, 96_000, 192_000]
PAIRS = [(44_100, 48_000), (48_000, 44_100), (44_101, 44_100), (192_000, 8_000), (8_000, 192_000)]


def signal(channels, frames, seed=0):
    return torch.randn(channels, frames, generator=torch.Generator().manual_seed(seed)) * 0.1


def resample(rates, mixture, *, block=None, frames_out=None):
    resampler = StreamingResampler(*rates, mixture.shape[0])
    blocks = [mixture] if block is None else mixture.split(block, -1)
    empty = torch.empty(mixture.shape[0], 0)
    return torch.cat([empty, *resampler.stream(blocks, frames_out)], -1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(0, 3000), st.integers(1, 3000))
def test_length_is_exact_and_block_size_changes_no_bit(source, target, frames, block):
    mixture = signal(2, frames)

    whole = resample((source, target), mixture)

    assert whole.dtype == torch.float32
    assert whole.shape == (2, -(-frames * target // source))
    assert torch.equal(resample((source, target), mixture, block=block), whole)


@pytest.mark.parametrize("rates", PAIRS)
def test_long_streams_do_not_depend_on_their_blocks(rates):
    mixture = signal(2, rates[0] * 2 + 1)

    whole = resample(rates, mixture)

    for block in (997, 65_536, 65_537):
        assert torch.equal(resample(rates, mixture, block=block), whole)


@pytest.mark.parametrize("rates", PAIRS)
def test_a_click_stays_at_its_time(rates):
    source, target = rates
    at = source // 4
    mixture = torch.zeros(1, source)
    mixture[0, at] = 1

    click = resample(rates, mixture)[0].double()

    expected = at * target / source
    assert abs(int(click.abs().argmax()) - expected) <= 0.5
    window = torch.arange(len(click)).double() - expected
    energy = click.square()
    assert abs(float((window * energy).sum() / energy.sum())) < 0.01


@pytest.mark.parametrize("rates", [(44_100, 48_000), (44_100, 44_101), (22_050, 96_000)])
def test_there_and_back_is_the_same_music(rates):
    source, target = rates
    time = torch.arange(source, dtype=torch.float64) / source
    music = sum(
        torch.sin(2 * torch.pi * f * time) / 8 for f in (55.0, 440.0, 3000.0, 0.5 * source / 2)
    )
    music = (music * torch.hann_window(source, dtype=torch.float64)).float()[None]

    there = resample((source, target), music)
    back = resample((target, source), there, frames_out=source)

    error = (back - music).square().sum() / music.square().sum()
    assert back.shape == music.shape
    assert 10 * torch.log10(error) < -120


@pytest.mark.parametrize("rates", [*PAIRS, (44_100, 44_100)])
@pytest.mark.parametrize("change", [-500, -1, 0, 1, 10, 70_000])
def test_the_length_wanted_is_the_length_given(rates, change):
    mixture = signal(2, 20_000)
    natural = StreamingResampler(*rates, 2).length(20_000)
    wanted = max(0, natural + change)

    longer = resample(rates, mixture, frames_out=wanted)
    plain = resample(rates, mixture)

    assert longer.shape == (2, wanted)
    common = min(wanted, natural)
    assert torch.equal(longer[:, :common], plain[:, :common])


def test_equal_rates_hand_on_the_same_tensors():
    blocks = list(signal(2, 1000).split(300, -1))

    passed = list(StreamingResampler(44_100, 44_100, 2).stream(blocks))

    assert all(a is b for a, b in zip(passed, blocks, strict=True))


@pytest.mark.parametrize("rates", [(44_100, 44_100), (48_000, 44_100)])
def test_the_end_of_the_stream_is_always_reached(rates):
    def blocks():
        yield signal(1, 100_000)
        raise EOFError("truncated")

    with pytest.raises(EOFError):
        list(StreamingResampler(*rates, 1).stream(blocks(), 10))


def test_estimates_of_thirteen_stereo_sources_go_through_at_once():
    estimates = signal(26, 5000)

    together = resample((44_100, 48_000), estimates)

    for row in (0, 12, 25):
        assert torch.equal(resample((44_100, 48_000), estimates[row : row + 1])[0], together[row])


def test_streams_share_no_state():
    resampler = StreamingResampler(44_100, 48_000, 1)
    first, second = signal(1, 3000), signal(1, 3000, seed=1)

    mixed = list(zip(resampler.stream([first]), resampler.stream([second]), strict=True))

    assert torch.equal(torch.cat([a for a, _ in mixed], -1), resample((44_100, 48_000), first))


def test_coprime_rates_take_bounded_memory():
    """Resident memory of a process of its own: what libsoxr takes, Python does not see."""
    code = """
import resource, torch
from unmixcli.audio.resample import StreamingResampler
resampler = StreamingResampler(44_101, 44_100, 2)
zeros = torch.zeros(2, 65_536)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(block.shape[-1] for block in resampler.stream(zeros for _ in range(40)))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(total == resampler.length(40 * 65_536), (after - before) // 1024)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    whole, megabytes = run.stdout.split()

    assert whole == "True"
    assert int(megabytes) < 200


def test_a_steep_ratio_comes_in_small_blocks():
    resampler = StreamingResampler(1_000, 768_000, 1)

    assert max(b.shape[-1] for b in resampler.stream([signal(1, 2000)])) < 1_000_000
