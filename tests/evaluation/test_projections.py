"""Our filters against museval's, and against what projections are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import material
from unmixcli.evaluation.correlations import correlate
from unmixcli.evaluation.filters import solve
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.projections import Projector
from unmixcli.evaluation.track import evaluate_track

TOLERANCE = 1e-3
"""In dB; what is promised on references of 16 bits."""


def scored(true, guess, window=1.0, hop=1.0, **options):
    found = evaluate_track(
        true,
        guess,
        material.RATE,
        options=Options(window=window, hop=hop, full=True, museval_compat=True, **options),
    )
    stems = [frames.metrics() for frames in found.sources.values()]
    return {metric: np.array([stem[metric] for stem in stems]) for metric in material.ORDER}


def assert_same(ours, theirs, tolerance=TOLERANCE):
    for metric in material.ORDER:
        # Beyond, a score is what float64 rounds nothing to.
        one, other = (np.minimum(values[metric], 100.0) for values in (ours, theirs))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=metric)


@pytest.mark.parametrize(("stems", "channels"), [("ab", 1), ("abcde", 1), ("ab", 2), ("ab", 3)])
def test_scores_are_museval_s(stems, channels):
    true = material.references(stems=stems, channels=channels)
    guess = material.estimates(true)

    assert_same(scored(true, guess), material.museval(true, guess), 1e-6)


@pytest.mark.parametrize(("window", "hop"), [(1.0, 0.5), (0.5, 1.0), (0.3, 0.7), (9.0, 1.0)])
def test_windows_may_overlap_or_leave_gaps(window, hop):
    true = material.references(2.3)
    guess = material.estimates(true)
    rate = material.RATE

    theirs = material.museval(true, guess, window=int(window * rate), hop=int(hop * rate))

    assert_same(scored(true, guess, window, hop), theirs, 1e-6)


@pytest.mark.parametrize(("style", "sources"), [(Style.V3_IMAGES, False), (Style.V3, True)])
@pytest.mark.parametrize("channels", [1, 2])
def test_filters_of_each_window_are_those_of_version_3(style, sources, channels):
    true = material.references(2.0, channels=channels)
    guess = material.estimates(true)

    theirs = material.museval(true, guess, framewise=True, sources=sources)

    assert_same(scored(true, guess, style=style), theirs, 1e-6)


def test_version_3_forgives_what_version_4_does_not():
    """A gain that changes from window to window is a distortion to one filter of the track."""
    true = material.references(2.0)
    guess = material.estimates(true)
    for signal in guess.values():
        signal[:, material.RATE :] *= 0.3

    v3, v4 = scored(true, guess, style=Style.V3), scored(true, guess)

    assert (v3["SDR"][:, 1] > v4["SDR"][:, 1] + 10).all()


def with_twin_channels(true):
    return {stem: np.repeat(signal[:1], 2, axis=0) for stem, signal in true.items()}


def with_silent_channel(true):
    return {stem: signal * np.float32([[1], [0]]) for stem, signal in true.items()}


def with_twin_stems(true):
    return true | {"bass": true["drums"].copy()}


def with_a_sum(true):
    return true | {"bass": sum(true.values())}


def with_quiet_highs(true):
    """As of a lossy file that was written with 16 bits: nothing but rounding above 2 kHz."""
    quiet = {}
    for stem, signal in true.items():
        spectrum = np.fft.rfft(signal)
        spectrum[:, spectrum.shape[1] // 2 :] = 0
        quiet[stem] = material.pcm(np.fft.irfft(spectrum, signal.shape[-1]))
    return quiet


@pytest.mark.parametrize(
    "change",
    [with_twin_channels, with_silent_channel, with_twin_stems, with_a_sum, with_quiet_highs],
)
def test_references_that_depend_on_each_other_span_the_same_projections(change):
    true = change(material.references())
    guess = material.estimates(material.references())

    assert_same(scored(true, guess), material.museval(true, guess))


@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(1, 700),
    taps=st.integers(2, 20),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
)
def test_correlations_are_sums_of_products(length, taps, rows, columns):
    rng = np.random.default_rng(0)
    true, guess = rng.standard_normal((rows, length)), rng.standard_normal((columns, length))
    expected = [
        [
            [np.dot(one[: max(length - lag, 0)], other[lag:]) for lag in range(taps)]
            for other in guess
        ]
        for one in true
    ]

    np.testing.assert_allclose(correlate([true], [guess], taps), expected, atol=1e-9)


def independent(signal):
    return signal


def twins(signal):
    """museval on numpy 2 fails here where a pivot is exactly zero."""
    return np.stack([signal[0]] * len(signal))


def sparse(signal):
    return signal * (np.arange(signal.shape[-1]) == 100)


@pytest.mark.parametrize("change", [independent, twins, sparse])
def test_filters_project_as_least_squares_does(change):
    taps = 16
    true, guess = (np.random.default_rng(seed).standard_normal((3, 400)) for seed in (0, 1))
    true = change(true)
    across = correlate([true], [true, guess], taps)
    filters = solve(across[:, :3], across[:, 3:])

    delayed = [np.pad(row, (lag, taps - 1 - lag)) for row in true for lag in range(taps)]
    delayed, target = np.stack(delayed).T, np.pad(guess, ((0, 0), (0, taps - 1))).T
    best = delayed @ np.linalg.lstsq(delayed, target)[0]

    ours = delayed @ filters.taps.transpose(0, 2, 1).reshape(3 * taps, 3)
    np.testing.assert_allclose(ours, best, atol=1e-9)
    assert not filters.ill_posed or change is sparse


def test_references_without_a_sound_have_no_filters():
    silence = np.zeros((2, 2, 8))

    assert not solve(silence, np.ones((2, 1, 8))).taps.any()


def test_parts_of_an_estimate_are_orthogonal_over_the_track():
    """|ŝ|² = |projection|² + |artifacts|² where the window is the track."""
    true = list(material.references(1.0).values())
    guess = list(material.estimates(material.references(1.0)).values())

    for part, signal in zip(
        Projector.of(true, guess, material.RATE).parts(true, guess), guess, strict=True
    ):
        total = float(np.square(signal.astype(np.float64)).sum())
        assert part.explained + part.artifacts == pytest.approx(total, rel=1e-9)
        assert part.image + part.interference == pytest.approx(part.explained, rel=1e-9)
        assert part.true + part.spatial > 0


@pytest.mark.parametrize(("window", "size"), [(613, 1125), (489, 1000)])
def test_energies_are_those_of_the_signals(window, size):
    """An odd and an even length of transform, whose highest frequencies count differently."""
    projector = Projector(everything=np.zeros((1, 1, 1)), own=(), ill_posed=False, length=window)
    signal = np.random.default_rng(0).standard_normal((2, window))

    assert projector.size == size
    assert projector._energy(projector._spectra(signal)) == pytest.approx(np.square(signal).sum())
