from math import ceil, gcd

import numpy as np
import pytest
import torch

from unmixcli.layers.resample import resample


def definition(signal: np.ndarray, old: int, new: int) -> np.ndarray:
    """Resample one signal sample by sample, in float64, as the filter is defined."""
    old, new = old // gcd(old, new), new // gcd(old, new)
    cutoff = min(old, new) * 0.945
    reach = ceil(24 * old / cutoff)
    made = []
    for index in range(new * len(signal) // old):
        period, phase = divmod(index, new)
        taps = np.arange(-reach, reach + old)
        angle = np.clip((taps / old - phase / new) * cutoff, -24, 24) * np.pi
        kernel = np.sinc(angle / np.pi) * np.cos(angle / 24 / 2) ** 2
        read = np.clip(period * old + taps, 0, len(signal) - 1)  # the ends last for ever
        made.append(kernel @ signal[read] / kernel.sum())
    return np.array(made)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 2), (2, 1), (44100, 88200), (3, 2), (5, 7), (441, 480)]
)
@pytest.mark.parametrize("samples", [1, 2, 3, 63, 64, 65, 127, 128, 129, 1001])
def test_blocks_of_periods_equal_the_definition(old, new, samples, rng):
    signal = rng.standard_normal(samples)

    made = resample(torch.from_numpy(signal), old, new)

    np.testing.assert_allclose(made.numpy(), definition(signal, old, new), rtol=0, atol=1e-12)


def test_float32_is_as_near_as_float32_can_be(rng):
    signal = rng.standard_normal(5000)

    made = resample(torch.from_numpy(signal).float(), 1, 2)

    assert made.dtype == torch.float32
    np.testing.assert_allclose(made.numpy(), definition(signal, 1, 2), rtol=0, atol=3e-6)


def test_lengths_are_rounded_down():
    signal = torch.zeros(2, 3, 1001)

    assert resample(signal, 1, 2).shape == (2, 3, 2002)
    assert resample(signal[..., :], 2, 1).shape == (2, 3, 500)
    assert resample(torch.zeros(2001), 2, 1).shape == (1000,)


def test_equal_rates_change_nothing():
    signal = torch.randn(7)

    assert resample(signal, 44100, 44100) is signal


def test_a_kernel_first_used_for_inference_can_be_trained_through():
    signal = torch.randn(1, 50, dtype=torch.float64, requires_grad=True)
    with torch.inference_mode():
        resample(signal, 3, 4)

    resample(signal, 3, 4).sum().backward()

    assert signal.grad is not None


@pytest.fixture
def rng():
    return np.random.default_rng(1)
