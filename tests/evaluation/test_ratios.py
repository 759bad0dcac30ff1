import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import material
from unmixcli.evaluation import ratios
from unmixcli.evaluation.framing import frames
from unmixcli.evaluation.ratios import decibels, energy_at_silence, frame_sdr, sdr, si_sdr

decimals = st.floats(-30, 60)


@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 1000),
    channels=st.integers(1, 2),
    window=st.integers(1500, 5000),
    hop=st.integers(1500, 5000),
)
def test_sdr_of_windows_is_museval_s_without_its_filters(seed, channels, window, hop):
    true = material.references(1.5, channels=channels, seed=seed)
    guess = material.estimates(true, seed=seed)
    theirs = material.museval(true, guess, window=window, hop=hop)["SDR"]
    cuts = frames(12000, window, hop)

    ours = [frame_sdr(true[stem], guess[stem], cuts) for stem in true]

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@given(level=decimals)
def test_sdr_is_how_far_below_the_reference_the_error_is(level):
    rng = np.random.default_rng(0)
    reference, noise = rng.standard_normal((2, 2, 1000))
    noise *= np.linalg.norm(reference) / np.linalg.norm(noise) * 10 ** (-level / 20)

    assert sdr(reference, reference + noise) == pytest.approx(level, abs=1e-6)


@given(gain=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]))
def test_si_sdr_does_not_hear_a_gain(gain, sign):
    true = material.references(0.5)["drums"].astype(np.float64)
    guess = material.estimates({"drums": true})["drums"].astype(np.float64)

    assert si_sdr(true, sign * gain * guess) == pytest.approx(si_sdr(true, guess), abs=1e-9)


def test_si_sdr_is_a_correlation():
    """The part of an estimate along the reference over the part across it."""
    true = material.references(0.5)["drums"].astype(np.float64)
    guess = material.estimates({"drums": true})["drums"].astype(np.float64)
    cosine = np.vdot(true, guess) / np.linalg.norm(true) / np.linalg.norm(guess)

    expected = 10 * math.log10(cosine**2 / (1 - cosine**2))

    assert si_sdr(true, guess) == pytest.approx(expected, abs=1e-9)


def test_length_of_blocks_changes_no_score(monkeypatch):
    true = material.references(2)["drums"]
    guess = material.estimates({"drums": true})["drums"]
    whole = sdr(true, guess), si_sdr(true, guess)
    monkeypatch.setattr(ratios, "_BLOCK", 1000)

    assert (sdr(true, guess), si_sdr(true, guess)) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize(("channels", "length"), [(1, 1), (2, 7), (6, 300)])
def test_a_perfect_estimate_is_infinitely_good(channels, length):
    signal = np.random.default_rng(0).standard_normal((channels, length))

    assert sdr(signal, signal) == si_sdr(signal, signal) == math.inf


def test_nothing_over_nothing_is_not_a_number():
    assert math.isnan(decibels(0, 0))
    assert decibels(1, 0) == math.inf
    assert decibels(0, 1) == -math.inf


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 1e-4])
def test_energy_at_silence_is_the_level_of_what_should_not_be_there(amplitude):
    reference = np.zeros((2, 3000), np.float32)
    reference[:, :1000] = 0.5
    estimate = np.full_like(reference, amplitude)

    found = energy_at_silence(reference, estimate, frames(3000, 1000, 1000))

    assert found == pytest.approx(20 * math.log10(amplitude), abs=1e-4)


def test_energy_at_silence_needs_silence():
    sound = np.ones((1, 2000))

    assert math.isnan(energy_at_silence(sound, sound, frames(2000, 1000, 1000)))


def test_an_estimate_that_is_silent_too_is_infinitely_quiet():
    silence = np.zeros((1, 2000))

    assert energy_at_silence(silence, silence, frames(2000, 1000, 1000)) == -math.inf
