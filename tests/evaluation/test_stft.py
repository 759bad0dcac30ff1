import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.evaluation.stft import HOP, SIZE, analyse, frame_count, synthesise

scipy_signal = pytest.importorskip("scipy.signal")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def blocks(signal, step):
    frames = frame_count(signal.shape[-1])
    for first in range(0, frames, step):
        yield analyse(signal, first, min(first + step, frames))


@pytest.mark.parametrize("samples", [2_048, 2_049, 3_071, 3_072, 3_073, 10_000])
def test_spectra_are_those_of_scipy(samples):
    signal = noise(2, samples)

    _, _, expected = scipy_signal.stft(signal, nperseg=SIZE)

    spectra = analyse(signal, 0, frame_count(samples))
    assert spectra.shape == (2, expected.shape[-1], SIZE // 2 + 1)
    assert np.abs(spectra - expected.swapaxes(-1, -2)).max() < 1e-12


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(1, 9_000), step=st.integers(1, 12))
def test_what_was_taken_apart_is_put_together(samples, step):
    signal = noise(2, samples, seed=samples)

    back = synthesise(blocks(signal, step), samples)

    assert back.dtype == np.float32
    assert back.shape == signal.shape
    assert np.abs(back - signal).max() < 1e-6


def test_any_frames_are_those_of_the_whole():
    signal = noise(3, 7_777)
    whole = analyse(signal, 0, frame_count(7_777))

    for first, stop in [(0, 1), (2, 5), (7, 9)]:
        assert np.array_equal(analyse(signal, first, stop), whole[:, first:stop])


def test_synthesis_of_changed_spectra_is_that_of_scipy():
    signal = noise(2, 10_000)
    _, _, spectra = scipy_signal.stft(signal, nperseg=SIZE)
    mask = np.random.default_rng(1).uniform(size=spectra.shape)

    expected = scipy_signal.istft(spectra * mask)[1][:, :10_000]

    ours = synthesise(
        (
            (spectra * mask).swapaxes(-1, -2)[:, first : first + 4]
            for first in range(0, frame_count(10_000), 4)
        ),
        10_000,
    )
    assert np.abs(ours - expected).max() < 1e-6


def test_a_constant_keeps_its_value():
    spectra = analyse(np.ones(10 * HOP), 3, 4)

    assert spectra[0, 0] == pytest.approx(1)
