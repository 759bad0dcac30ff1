"""The oracles, against whole-track formulas written down once more here."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmixcli.errors import ConfigError
from unmixcli.evaluation.oracles import (
    Oracle,
    binary_mask,
    estimate,
    ratio_mask,
    wiener,
    with_accompaniment,
)
from unmixcli.evaluation.stft import SIZE

scipy_signal = pytest.importorskip("scipy.signal")

BAND = ("drums", "bass", "other", "vocals")
EPS = np.finfo(float).eps


def sources(samples=9_001, channels=2, count=4, seed=0):
    """Return sources that overlap in time, frequency and space, each (channels, samples)."""
    rng = np.random.default_rng(seed)
    times = np.arange(samples) / 44_100
    made = []
    for _ in range(count):
        pan = rng.uniform(0.2, 1, (channels, 1))
        tone = np.sin(2 * np.pi * rng.uniform(80, 4_000) * times) * np.sin(40 * times)
        made.append(0.3 * pan * tone + 0.03 * rng.standard_normal((channels, samples)))
    return made


def spectra(signal):
    """Return (channels, bins, frames)."""
    return scipy_signal.stft(signal, nperseg=SIZE)[-1]


def back(spectrum, samples):
    return scipy_signal.istft(spectrum)[1][..., :samples]


def sdr(true, guess):
    return 10 * np.log10((true**2).sum() / ((true - guess) ** 2).sum())


@pytest.mark.parametrize("exponent", [1, 2, 0.7])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_ratio_mask_is_its_formula(exponent, channels):
    stems = sources(channels=channels)
    mixture = sum(stems)

    found = ratio_mask(stems, mixture, exponent)

    powers = [np.abs(spectra(stem)) ** exponent for stem in stems]
    for power, ours in zip(powers, found, strict=True):
        expected = back(spectra(mixture) * power / (EPS + sum(powers)), mixture.shape[-1])
        assert np.abs(ours - expected).max() < 1e-6


@pytest.mark.parametrize("exponent", [1, 2])
@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.9])
def test_the_binary_mask_is_its_formula(exponent, threshold):
    stems = sources()
    mixture = sum(stems)

    found = binary_mask(stems, mixture, exponent, threshold)

    mixed = spectra(mixture)
    for stem, ours in zip(stems, found, strict=True):
        chosen = np.abs(spectra(stem)) ** exponent >= threshold * (EPS + np.abs(mixed) ** exponent)
        assert np.abs(ours - back(mixed * chosen, mixture.shape[-1])).max() < 1e-6


def inverse_of(matrix):
    """Return the inverse, with the published code's guard against a determinant of zero."""
    determinant = np.linalg.det(matrix)
    return np.linalg.inv(matrix) * determinant / (determinant + EPS)


def single_product(left, right):
    """Multiply, keeping single precision after each term, as the published code does."""
    product = np.zeros(left.shape, np.complex64)
    for k in range(left.shape[1]):
        product = (product + np.outer(left[:, k], right[k])).astype(np.complex64)
    return product


def slow_wiener(stems, mixture):
    """Filter bin by bin with numpy's own inverse, scaling columns as the published code does."""
    observed = [spectra(stem) for stem in stems]
    channels, bins, frames = observed[0].shape
    spatial, powers = [], []
    for one in observed:
        covariance = np.zeros((bins, channels, channels), complex)
        for k, t in itertools.product(range(bins), range(frames)):
            column = one[:, k, t]
            power = np.mean(np.abs(column) ** 2)
            covariance[k] += np.outer(column, column.conj()) / (EPS + power) / frames
        covariance *= channels / np.trace(covariance)  # over bins and rows: of two bins alone
        covariance += EPS * np.eye(channels)
        spatial.append(covariance)
        inverse = [inverse_of(one_bin) for one_bin in covariance]
        powers.append(
            np.array(
                [
                    [(one[:, k, t].conj() @ inverse[k] @ one[:, k, t]).real / channels
                     for t in range(frames)]
                    for k in range(bins)
                ]
            )
        )  # fmt: skip
    mixed = spectra(mixture)
    made = np.zeros((len(stems), *mixed.shape), complex)
    for k, t in itertools.product(range(bins), range(frames)):
        parts = [power[k, t] * one[k] for power, one in zip(powers, spatial, strict=True)]
        inverse = inverse_of(sum(parts))
        for j, part in enumerate(parts):
            made[j, :, k, t] = single_product(part, inverse) @ mixed[:, k, t]
    return [back(one, mixture.shape[-1]) for one in made]


def test_the_wiener_filter_is_its_formula():
    stems = sources(samples=5_000, count=3)
    mixture = sum(stems)

    found = wiener(stems, mixture)

    for ours, expected in zip(found, slow_wiener(stems, mixture), strict=True):
        assert np.abs(ours - expected).max() < 1e-6


def test_the_wiener_filter_of_one_channel_is_the_ratio_mask_of_powers():
    stems = sources(channels=1)
    mixture = sum(stems)

    assert np.abs(wiener(stems, mixture) - ratio_mask(stems, mixture, 2)).max() < 1e-5


def test_more_channels_than_the_wiener_filter_takes_are_refused():
    stems = dict(zip(BAND, sources(channels=3), strict=True))

    with pytest.raises(ConfigError, match="one or two channels, not 3"):
        estimate("mwf", stems)


@pytest.mark.parametrize("oracle", list(Oracle))
def test_estimates_have_the_names_and_the_shape_of_the_stems(oracle):
    stems = dict(zip(BAND, sources(), strict=True))

    found = estimate(oracle, stems)

    assert tuple(found) == BAND
    assert {(one.shape, one.dtype.name) for one in found.values()} == {((2, 9_001), "float32")}
    assert np.isfinite(np.stack([*found.values()])).all()


def test_the_names_stand_for_the_published_parameters():
    signals = sources()
    mixture, stems = sum(signals), dict(zip(BAND, signals, strict=True))

    def same(name, expected):
        return np.array_equal(np.stack([*estimate(name, stems).values()]), expected)

    assert same("irm1", ratio_mask(signals, mixture, 1))
    assert same("irm2", ratio_mask(signals, mixture, 2))
    assert same("ibm1", binary_mask(signals, mixture, 1, 0.5))
    assert same("ibm2", binary_mask(signals, mixture, 2, 0.5))
    assert same("mwf", wiener(signals, mixture))


def test_a_mixture_of_its_own_is_what_is_filtered():
    signals = sources()
    stems = dict(zip(BAND, signals, strict=True))

    louder = estimate("irm2", stems, 2 * sum(signals))

    for name, one in estimate("irm2", stems).items():
        assert np.allclose(louder[name], 2 * one, atol=1e-6)


@pytest.mark.parametrize("name", ["irm", "irm3", "", "MIX"])
def test_an_oracle_nobody_knows_is_refused(name):
    with pytest.raises(ConfigError, match="no oracle named") as caught:
        estimate(name, dict(zip(BAND, sources(), strict=True)))

    assert "irm1, irm2, ibm1, ibm2, mwf, mix" in caught.value.hint


def test_the_mixture_is_shared_out_among_the_stems():
    stems = dict(zip(BAND, sources(), strict=True))

    found = estimate("mix", stems)

    for one in found.values():
        assert np.allclose(one, sum(stems.values()) / 4, atol=1e-7)
    found["drums"][:] = 0
    assert found["bass"].any()


def test_the_share_of_a_mixture_is_the_one_of_the_published_scores():
    """SiSEC 2018 has ISR 2.5 dB for a stem and 12.0 dB for the accompaniment.

    ISR is the target over what a gain takes from it: of gain g it is 1 / (1 - g)².
    """
    stems = dict(zip(BAND, sources(), strict=True))
    total = sum(stems.values())

    found = with_accompaniment(estimate("mix", stems))

    gains = {name: float((one * total).sum() / (total**2).sum()) for name, one in found.items()}
    isr = {name: -20 * np.log10(1 - gain) for name, gain in gains.items()}
    assert isr["vocals"] == pytest.approx(2.49, abs=0.02)
    assert isr["accompaniment"] == pytest.approx(12.04, abs=0.02)


def test_the_accompaniment_is_all_but_the_vocals():
    found = estimate("irm2", dict(zip(BAND, sources(), strict=True)))

    whole = with_accompaniment(found)

    assert tuple(whole) == (*BAND, "accompaniment")
    expected = found["drums"] + found["bass"] + found["other"]
    assert np.allclose(whole["accompaniment"], expected, atol=1e-7)


def test_an_accompaniment_that_is_a_stem_stays():
    stems = dict(zip(("vocals", "accompaniment"), sources(count=2), strict=True))
    found = estimate("irm2", stems)

    assert with_accompaniment(found)["accompaniment"] is found["accompaniment"]
    assert tuple(with_accompaniment({"vocals": found["vocals"]})) == ("vocals",)


@pytest.mark.parametrize(("oracle", "close"), [("irm1", 1e-6), ("irm2", 1e-4), ("mwf", 1e-3)])
def test_shares_of_a_mixture_sum_to_it(oracle, close):
    """But for the number that keeps the published code from dividing by zero."""
    stems = dict(zip(BAND, sources(), strict=True))

    found = estimate(oracle, stems)

    assert np.abs(sum(found.values()) - sum(stems.values())).max() < close


@pytest.mark.parametrize("oracle", list(Oracle))
def test_a_silent_stem_harms_no_other(oracle):
    signals = sources()
    stems = dict(zip(BAND, [*signals[:3], np.zeros_like(signals[3])], strict=True))

    found = estimate(oracle, stems)

    assert np.isfinite(np.stack([*found.values()])).all()
    if oracle != "mix":
        assert np.abs(found["vocals"]).max() < 1e-6
        assert sdr(stems["drums"], found["drums"]) > 5


@pytest.mark.parametrize("oracle", list(Oracle))
def test_silence_gives_silence(oracle):
    stems = {name: np.zeros((2, 5_000), np.float32) for name in BAND}

    assert not np.stack([*estimate(oracle, stems).values()]).any()


@settings(max_examples=20, deadline=None)
@given(samples=st.integers(1, 5_000), oracle=st.sampled_from(list(Oracle)))
def test_any_length_is_filtered(samples, oracle):
    stems = dict(zip(BAND, sources(samples=samples), strict=True))

    found = estimate(oracle, stems)

    assert {one.shape for one in found.values()} == {(2, samples)}
    assert np.isfinite(np.stack([*found.values()])).all()


def test_single_precision_is_enough_of_the_stems():
    stems = dict(zip(BAND, sources(), strict=True))
    single = {name: stem.astype(np.float32) for name, stem in stems.items()}

    for name, one in estimate("irm2", stems).items():
        assert np.abs(one - estimate("irm2", single)[name]).max() < 1e-5


def test_they_are_ordered_as_in_the_published_scores():
    """Of vocals SiSEC 2018 has IRM2 > MWF > IRM1 > IBM > MIX; filters of space vary with it."""
    stems = dict(zip(BAND, sources(samples=40_000), strict=True))
    scores = {
        oracle: np.mean([sdr(stems[name], one) for name, one in estimate(oracle, stems).items()])
        for oracle in ("irm1", "irm2", "ibm1", "mwf", "mix")
    }

    assert scores["irm2"] > scores["irm1"] > scores["mix"]
    assert scores["irm2"] > scores["ibm1"] > scores["mix"]
    assert scores["mwf"] > scores["ibm1"]
