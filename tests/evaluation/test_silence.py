"""What is scored where there is nothing to hear, and what is done with signals that do not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation import material
from unmixcli.errors import DatasetError
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.track import evaluate_track

FULL = Options(full=True)
COMPAT = Options(full=True, museval_compat=True)
RATE = material.RATE


@pytest.fixture
def true():
    return material.references()


@pytest.fixture
def guess(true):
    return material.estimates(true)


def score(true, guess, options=FULL):
    return evaluate_track(true, guess, RATE, options=options, name="Song")


def silenced(signal, start=0.0, stop=9.0):
    quiet = signal.copy()
    quiet[:, round(start * RATE) : round(stop * RATE)] = 0
    return quiet


def test_a_stem_whose_reference_is_silent_throughout_is_not_scored(true, guess):
    true["bass"] = silenced(true["bass"])
    alone = score({"drums": true["drums"]}, {"drums": guess["drums"]})

    found = score(true, guess)

    assert np.isnan(found.sources["bass"].sdr).all()
    assert math.isnan(found.sdr["bass"])
    assert "bass: reference is silent throughout, not scored" in found.warnings
    np.testing.assert_array_equal(found.sources["drums"].sdr, alone.sources["drums"].sdr)


def test_museval_refuses_a_stem_that_is_silent_throughout(true, guess):
    true["bass"] = silenced(true["bass"])
    with pytest.raises(ValueError, match="silent"):
        material.museval(true, guess)

    found = score(true, guess, COMPAT)

    assert all(frames.void == 2 for frames in found.sources.values())
    assert "museval refuses a track with a silent stem: all windows are void" in found.warnings


def test_a_silent_estimate_is_as_far_off_as_the_reference_is_loud(true, guess):
    guess["bass"] = silenced(guess["bass"])

    found = score(true, guess)

    assert found.sources["bass"].sdr.tolist() == [0.0, 0.0]
    assert found.sdr["bass"] == 0.0
    assert np.isfinite(found.sources["drums"].sir).all()
    assert "bass: estimate is silent throughout" in found.warnings


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", ["reference", "estimate"])
def test_museval_voids_a_window_for_all_stems_if_one_is_silent(true, guess, kind, full):
    signals = true if kind == "reference" else guess
    signals["bass"] = silenced(signals["bass"], 1, 2)
    theirs = material.museval(true, guess)

    found = score(true, guess, Options(full=full, museval_compat=True))

    for row, frames in enumerate(found.sources.values()):
        assert frames.void == 1
        np.testing.assert_allclose(frames.sdr, theirs["SDR"][row], atol=1e-9)


def test_without_its_rules_a_window_is_void_for_the_silent_stem_only(true, guess):
    true["bass"] = silenced(true["bass"], 1, 2)

    found = score(true, guess)

    assert np.isnan(found.sources["bass"].sdr).tolist() == [False, True]
    assert np.isnan(found.sources["bass"].sar).tolist() == [False, True]
    assert found.sources["bass"].void == 1
    assert found.sources["drums"].void == 0
    assert np.isfinite(found.sources["drums"].sir).all()


def test_a_window_whose_estimate_is_silent_is_scored(true, guess):
    guess["bass"] = silenced(guess["bass"], 1, 2)

    frames = score(true, guess).sources["bass"]

    assert frames.void == 0
    assert frames.sdr[1] == pytest.approx(0.0, abs=1e-12)
    assert frames.sar[1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("style", [Style.V3, Style.V3_IMAGES])
def test_filters_of_a_window_leave_out_who_is_silent_in_it(true, guess, style):
    true["bass"] = silenced(true["bass"], 1, 2)

    found = score(true, guess, Options(full=True, style=style))

    assert np.isnan(found.sources["bass"].sdr).tolist() == [False, True]
    drums = found.sources["drums"]
    assert np.isfinite(drums.sdr).all()
    # One reference alone meets no interference, whatever the formula gives.
    assert np.isnan(drums.sir).tolist() == [False, True]


def test_left_against_right_is_silence_to_museval_only(true, guess):
    true["bass"] = np.stack([true["bass"][0], -true["bass"][0]])

    assert score(true, guess).sources["bass"].void == 0
    assert score(true, guess, COMPAT).sources["drums"].void == 2


def test_energy_at_silence_tells_leaks_that_no_ratio_tells(true, guess):
    true["bass"] = silenced(true["bass"], 1, 2)
    guess["bass"][:, RATE : 2 * RATE] = 0.01

    found = score(true, guess)

    assert found.energy_at_silence["bass"] == pytest.approx(-40.0, abs=1e-6)
    assert math.isnan(found.energy_at_silence["drums"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("options", [FULL, COMPAT], ids=["full", "compat"])
def test_what_is_not_finite_is_an_error_that_names_the_stem(true, guess, value, options):
    guess["bass"][1, 1234] = value

    with pytest.raises(DatasetError, match=r"Song: estimate 'bass' is not finite at sample 1234"):
        score(true, guess, options)


@pytest.mark.parametrize("missing", [1, RATE // 10])
def test_a_small_difference_in_length_is_cut_with_a_warning(true, guess, missing):
    guess["bass"] = guess["bass"][:, :-missing]
    short = {stem: signal[:, :-missing] for stem, signal in true.items()}
    expected = score(
        short, {stem: signal[:, : short["bass"].shape[1]] for stem, signal in guess.items()}
    )

    found = score(true, guess)

    assert found.sdr == expected.sdr
    (warning,) = found.warnings
    assert f"reference 'drums' has {missing} more" in warning


def test_a_large_difference_in_length_is_an_error_that_names_both(true, guess):
    guess["bass"] = guess["bass"][:, : -RATE // 10 - 1]

    with pytest.raises(DatasetError, match=r"reference 'drums' has 20000 samples, estimate 'bass'"):
        score(true, guess)


@pytest.mark.parametrize(("cut", "said"), [(5000, "padded by 5000"), (-5000, "cut by 5000")])
def test_museval_pads_or_cuts_estimates(true, guess, cut, said):
    if cut > 0:
        given = {stem: signal[:, :-cut] for stem, signal in guess.items()}
        fitted = {stem: np.pad(signal, ((0, 0), (0, cut))) for stem, signal in given.items()}
    else:
        given = {
            stem: np.pad(signal, ((0, 0), (0, -cut)), "edge") for stem, signal in guess.items()
        }
        fitted = guess
    theirs = material.museval(true, fitted)

    found = score(true, given, COMPAT)

    for row, frames in enumerate(found.sources.values()):
        np.testing.assert_allclose(frames.sar, theirs["SAR"][row], atol=1e-6)
    assert f"bass: estimate {said} samples" in found.warnings


def test_references_of_several_lengths_are_an_error_to_museval_too(true, guess):
    true["bass"] = true["bass"][:, :-1]

    with pytest.raises(DatasetError, match="references differ in length: drums 20000, bass 19999"):
        score(true, guess, COMPAT)


def test_mono_beside_stereo_is_an_error(true, guess):
    guess["bass"] = guess["bass"][:1]

    with pytest.raises(DatasetError, match="estimate 'bass' has 1 channels, reference 'drums'"):
        score(true, guess)


@pytest.mark.parametrize("shape", [(20000,), (1, 2, 20000)])
def test_a_signal_has_channels_and_samples(true, guess, shape):
    guess["bass"] = np.zeros(shape)

    with pytest.raises(DatasetError, match=r"estimate 'bass' is not \(channels, samples\)"):
        score(true, guess)


def test_integers_have_no_full_scale(true, guess):
    guess["bass"] = (guess["bass"] * 32768).astype(np.int16)

    with pytest.raises(DatasetError, match="int16"):
        score(true, guess)


def test_a_track_without_samples_is_an_error(true, guess):
    guess["bass"] = guess["bass"][:, :0]

    with pytest.raises(DatasetError, match="estimate 'bass' holds no samples"):
        score(true, guess)


def test_a_perfect_estimate_is_infinitely_good(true, guess):
    guess["bass"] = true["bass"].copy()

    found = score(true, guess)

    assert found.sources["bass"].sdr.tolist() == [math.inf, math.inf]
    assert found.sdr["bass"] == found.si_sdr["bass"] == math.inf
    assert (found.sources["bass"].sir > 100).all()


def test_references_that_are_the_same_are_scored_with_a_warning(true, guess):
    true["bass"] = true["drums"].copy()

    found = score(true, guess)

    assert np.isfinite(found.sources["bass"].sar).all()
    assert "drums, bass: references are the same; no estimate can tell them apart" in found.warnings


def test_one_stem_has_an_sdr_only(true, guess):
    found = score({"bass": true["bass"]}, {"bass": guess["bass"]})

    frames = found.sources["bass"]
    assert np.isfinite(frames.sdr).all()
    for other in (frames.sir, frames.sar, frames.isr):
        assert np.isnan(other).all()
    assert "bass: the only stem, so there is no interference: no SIR" in found.warnings


def test_swapped_stems_score_low(true, guess):
    swapped = dict(zip(guess, reversed(guess.values()), strict=True))

    found = score(true, swapped)

    assert all(value < 0 for value in found.sdr.values())
    assert all((frames.sir < 0).all() for frames in found.sources.values())


@pytest.mark.parametrize("scale", [1e-3, 1e-30, 1e-160])
def test_a_scale_of_everything_is_scored_as_by_museval(true, guess, scale):
    true = {stem: scale * signal.astype(np.float64) for stem, signal in true.items()}
    guess = {stem: scale * signal.astype(np.float64) for stem, signal in guess.items()}
    theirs = material.museval(true, guess)

    found = score(true, guess)

    for row, frames in enumerate(found.sources.values()):
        np.testing.assert_allclose(frames.sdr, theirs["SDR"][row], atol=1e-9)


@pytest.mark.parametrize(("gain", "expected"), [(-1.0, -6.0206), (0.5, 6.0206), (2.0, 0.0)])
def test_a_gain_counts_for_sdr_and_not_for_si_sdr(true, gain, expected):
    guess = {stem: gain * signal for stem, signal in true.items()}

    found = score(true, guess, Options())

    assert found.sdr["bass"] == pytest.approx(expected, abs=1e-4)
    assert found.si_sdr["bass"] > 100


@pytest.mark.parametrize("delay", [1, 100, RATE])
def test_a_delay_within_the_filters_is_forgiven_by_sar_alone(true, delay):
    guess = {stem: np.roll(signal, delay, axis=1) for stem, signal in true.items()}

    frames = score(true, guess, Options(full=True, window=9.0)).sources["bass"]

    assert (frames.sar[0] > 20) == (delay < 512)
    assert frames.sdr[0] < 10


def test_int16_and_float_of_the_same_samples_score_alike(true, guess):
    wide = {stem: signal.astype(np.float64) for stem, signal in guess.items()}

    assert score(true, guess).sdr == score(true, wide).sdr


@pytest.mark.parametrize("rate", [8000, 48000])
def test_any_rate_is_scored(rate):
    true = material.references(1.2, rate=rate)

    found = evaluate_track(true, material.estimates(true), rate)

    assert len(found.sources["bass"].sdr) == 1


def test_a_track_shorter_than_a_window_is_one_window(true, guess):
    short = {stem: signal[:, :5000] for stem, signal in true.items()}

    frames = score(short, {stem: signal[:, :5000] for stem, signal in guess.items()}).sources[
        "bass"
    ]

    assert len(frames.sdr) == 1
    assert np.isfinite(frames.sir).all()


def test_six_stems_are_scored():
    true = material.references(1.0, stems="abcdef", channels=1)

    found = score(true, material.estimates(true))

    assert len(found.sources) == 6
    assert all(np.isfinite(frames.sir).all() for frames in found.sources.values())


def test_lossy_references_are_called_ill_posed(true, guess):
    lossy = {}
    for stem, signal in true.items():
        spectrum = np.fft.rfft(signal)
        spectrum[:, spectrum.shape[1] // 2 :] = 0
        lossy[stem] = np.fft.irfft(spectrum, signal.shape[-1])

    assert any("nearly dependent" in warning for warning in score(lossy, guess).warnings)
    assert not score(true, guess).warnings
