import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.audio.level import Level, measure


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("frames", [2, 1000, 200_001])
def test_level_is_what_torch_measures_in_one_piece(channels, frames):
    mixture = torch.randn(channels, frames, generator=torch.Generator().manual_seed(1)) * 0.1 + 0.02
    reference = mixture.double().mean(0)

    level = measure(mixture.split(777, -1))

    assert level.mean == pytest.approx(float(reference.mean()), rel=1e-9)
    assert level.deviation == pytest.approx(float(reference.std()), rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=6))
def test_block_size_changes_no_bit(lengths):
    mixture = torch.randn(2, sum(lengths), generator=torch.Generator().manual_seed(2))

    assert measure(mixture.split(lengths, -1)) == measure([mixture])


def test_a_loud_offset_does_not_drown_a_quiet_signal():
    quiet = torch.randn(1, 300_000, generator=torch.Generator().manual_seed(3)) * 1e-3
    loud = quiet + 100

    level = measure([loud])

    assert level.deviation == pytest.approx(float(loud.double().std()), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.5, 0.1, -0.3, 1e-39])
@pytest.mark.parametrize("frames", [1, 2, 200_000])
def test_silence_and_direct_current_have_no_deviation(value, frames):
    mixture = torch.full((2, frames), value)

    level = measure([mixture])

    assert level.deviation == 0
    assert level.mean == pytest.approx(value, rel=1e-6)
    assert torch.cat(list(level.apply([mixture])), -1).abs().max() < 1e-6


def test_a_stream_without_samples_is_silence():
    assert measure([]) == Level(0.0, 0.0)


def test_undo_takes_back_what_apply_did():
    mixture = torch.randn(2, 5000) * 0.2 + 0.1
    level = measure([mixture])

    (normal,) = level.apply([mixture])
    (back,) = level.undo([normal])

    assert abs(float(normal.mean(0).mean())) < 1e-6
    assert float(normal.mean(0).std()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(back, mixture)


def test_estimates_of_silence_are_exactly_silent():
    level = measure([torch.zeros(2, 100)])

    (estimates,) = level.undo([torch.randn(4, 2, 100)])

    assert torch.equal(estimates, torch.zeros(4, 2, 100))
