import numpy as np
import pytest
import torch

from training_material import NAMES, RATE, augmented, batch, built
from unmixcli.errors import ConfigError
from unmixcli.training.augment.biquad import Biquad, filtered
from unmixcli.training.augment.filters import BUTTERWORTH


def recursion(x, biquad):
    """Filter sample by sample, as the definition has it."""
    (b0, b1, b2), (a0, a1, a2) = biquad.b, biquad.a
    y = np.zeros(len(x) + 2)
    x = np.concatenate([np.zeros(2), x])
    for n in range(2, len(x)):
        y[n] = (b0 * x[n] + b1 * x[n - 1] + b2 * x[n - 2] - a1 * y[n - 1] - a2 * y[n - 2]) / a0
    return y[2:]


def decibels(filters, frequency):
    """Return what filters do to a tone that lasts."""
    time = torch.arange(RATE, dtype=torch.float64) / RATE
    tone = torch.sin(2 * np.pi * frequency * time)
    made = filtered(tone, filters, RATE)[RATE // 2 :]
    return float(10 * (made.square().mean() / tone[RATE // 2 :].square().mean()).log10())


@pytest.mark.parametrize(
    "biquad",
    [
        Biquad.peak(60.0, 6.0, 2.0, RATE),
        Biquad.peak(3000.0, -6.0, 0.5, RATE),
        Biquad.low_pass(8000.0, 0.7, RATE),
    ],
)
def test_a_filter_is_its_recursion(biquad):
    x = batch(items=1, sources=1, channels=1, samples=3000).double().flatten()

    assert filtered(x, [biquad], RATE).numpy() == pytest.approx(
        recursion(x.numpy(), biquad), abs=1e-6
    )


def test_a_peak_is_where_and_as_high_as_it_is_said():
    filters = [Biquad.peak(1000.0, 6.0, 1.0, RATE)]

    assert decibels(filters, 1000) == pytest.approx(6, abs=0.01)
    assert decibels(filters, 30) == pytest.approx(0, abs=0.05)
    assert decibels(filters, 16_000) == pytest.approx(0, abs=0.05)


def test_a_low_pass_is_butterworths():
    filters = [Biquad.low_pass(4000.0, q, RATE) for q in BUTTERWORTH]

    assert decibels(filters, 4000) == pytest.approx(-3.01, abs=0.02)
    assert decibels(filters, 500) == pytest.approx(0, abs=0.01)
    assert decibels(filters, 8000) < -24


def test_an_equaliser_changes_no_band_by_more_than_it_may():
    sources = batch(items=16, samples=8192)
    made = augmented("equaliser", sources, p=1.0, bands=1, gain=6.0)
    before, after = (x.square().mean((2, 3)) for x in (sources, made))
    change = 10 * (after / before).log10()

    assert change.abs().max() < 6.01
    assert len(change.flatten().round(decimals=4).unique()) == change.numel()


def test_a_low_pass_is_the_same_for_all_sources_of_an_item():
    sources = batch(items=2, samples=8192)
    made = augmented("low-pass", sources, p=1.0, low=2000.0, high=4000.0)
    together = augmented("low-pass", sources.sum(1, keepdim=True), p=1.0, low=2000.0, high=4000.0)
    power = torch.fft.rfft(made).abs().square().mean((1, 2))

    assert torch.allclose(made.sum(1), together[:, 0], atol=1e-5)
    assert (power[:, 3000:].mean(-1) < 1e-3 * power[:, :300].mean(-1)).all()


def test_a_cutoff_beyond_what_there_is_changes_nothing():
    sources = batch()

    assert torch.equal(augmented("low-pass", sources, p=1.0, low=21_000.0, high=22_000.0), sources)


def test_a_shelf_lowers_what_is_above_its_corner():
    filters = [Biquad.high_shelf(4000.0, -12.0, RATE)]

    assert decibels(filters, 4000) == pytest.approx(-6, abs=0.01)
    assert decibels(filters, 200) == pytest.approx(0, abs=0.05)
    assert decibels(filters, 18_000) == pytest.approx(-12, abs=0.1)


def test_a_shelf_is_for_the_sources_it_names():
    sources = batch(items=2, samples=4096)
    name = NAMES[1]
    shelf = built("shelf", p=1.0, sources=(name,), low=-12.0, high=-6.0)
    made = shelf(sources, seed=1, step=2)
    changed = (made != sources).flatten(2).any(2)

    assert changed.any(0).tolist() == [index == 1 for index in range(sources.shape[1])]


def test_a_shelf_of_a_source_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="no source named 'kazoo'"):
        built("shelf", sources=("kazoo",))(batch(), seed=1, step=2)
