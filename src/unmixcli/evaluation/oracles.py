"""What a separator could do that knew the answer: the ceilings and the floor of a score.

Masks on the mixture's spectrogram, computed from the true stems, with the parameters and
the numbers of the oracles of SiSEC 2018 (Stöter, Liutkus & Ito 2018). They bound what
methods of the same kind can reach, not what others can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmixcli.errors import ConfigError
from unmixcli.evaluation.stft import Spectra, analyse, frame_count, synthesise

Signal = NDArray[np.floating[Any]]
"""(channels, samples)."""

Filter = Callable[[Spectra, Spectra], Spectra]
"""From the mixture, (channels, frames, bins), and the stems, (stems, channels, frames,
bins), to the spectra of the estimates, shaped like the stems."""

VOCALS, ACCOMPANIMENT = "vocals", "accompaniment"

_EPS = float(np.finfo(np.float64).eps)

_BLOCK = 32
"""Frames at a time: 0.75 s at 44.1 kHz, a few megabytes in all."""


class Oracle(StrEnum):
    """The oracles, by the names of their published scores."""

    IRM1 = "irm1"  # ideal ratio mask of magnitudes
    IRM2 = "irm2"  # ideal ratio mask of powers
    IBM1 = "ibm1"  # ideal binary mask, a stem that has half of the magnitude
    IBM2 = "ibm2"  # ideal binary mask, a stem that has half of the power
    MWF = "mwf"  # multichannel Wiener filter
    MIX = "mix"  # the mixture over the number of stems, for each of them


def estimate(
    oracle: Oracle | str, stems: Mapping[str, Signal], mixture: Signal | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return an oracle's estimates of the stems of a track.

    Args:
        oracle: Which one.
        stems: The true ones, all of one shape, finite.
        mixture: What is filtered; by default the sum of the stems.

    Raises:
        ConfigError: There is no such oracle, or it cannot filter that many channels.
    """
    known = [member.value for member in Oracle]
    if oracle not in known:
        raise ConfigError(f"no oracle named '{oracle}'", hint=f"choose one of {', '.join(known)}")
    signals = list(stems.values())
    mixed = _sum(signals) if mixture is None else mixture
    if oracle == Oracle.MIX:
        share = (np.asarray(mixed, np.float64) / len(signals)).astype(np.float32)
        return {stem: share.copy() for stem in stems}
    exponent = 2 if oracle in (Oracle.IRM2, Oracle.IBM2) else 1
    if oracle == Oracle.MWF:
        estimates = wiener(signals, mixed)
    elif oracle in (Oracle.IRM1, Oracle.IRM2):
        estimates = ratio_mask(signals, mixed, exponent)
    else:
        estimates = binary_mask(signals, mixed, exponent)
    return dict(zip(stems, estimates, strict=True))


def with_accompaniment(
    estimates: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Add the accompaniment, as the field has it: the sum of all estimates but the vocals."""
    others = [signal for stem, signal in estimates.items() if stem != VOCALS]
    if ACCOMPANIMENT in estimates or not others:
        return dict(estimates)
    return {**estimates, ACCOMPANIMENT: _sum(others).astype(np.float32)}


def ratio_mask(stems: list[Signal], mixture: Signal, exponent: float) -> NDArray[np.float32]:
    """Give each stem its share of every bin of every channel.

    Args:
        stems: Each (channels, samples).
        mixture: (channels, samples).
        exponent: Of the magnitudes that shares are measured by.

    Returns:
        (stems, channels, samples).
    """

    def masked(mixed: Spectra, sources: Spectra) -> Spectra:
        powers = np.abs(sources) ** exponent
        return np.asarray(mixed * (powers / (_EPS + powers.sum(axis=0))))

    return _filtered(stems, mixture, masked)


def binary_mask(
    stems: list[Signal], mixture: Signal, exponent: float, threshold: float = 0.5
) -> NDArray[np.float32]:
    """Give each stem every bin of which it has enough; several may get the same one.

    Args:
        stems: Each (channels, samples).
        mixture: (channels, samples).
        exponent: Of the magnitudes of stem and mixture.
        threshold: Their ratio from which a stem gets a bin.

    Returns:
        (stems, channels, samples).
    """

    def masked(mixed: Spectra, sources: Spectra) -> Spectra:
        share = np.abs(sources) ** exponent / (_EPS + np.abs(mixed) ** exponent)
        return np.where(share >= threshold, mixed, 0)

    return _filtered(stems, mixture, masked)


def wiener(stems: list[Signal], mixture: Signal) -> NDArray[np.float32]:
    """Filter all channels together, by a covariance of the channels that stays as it is.

    Duong, Vincent & Gribonval 2010, with one covariance of each stem and frequency for the
    whole track and its power in each frame. Equals the published oracle, which scales the
    columns of all covariances of a stem by a trace over the wrong axes, and adds up gains in
    single precision: both change what comes out where the channels are much alike.

    Args:
        stems: Each (channels, samples), of one or two channels.
        mixture: (channels, samples).

    Returns:
        (stems, channels, samples).

    Raises:
        ConfigError: There are more channels.
    """
    channels = len(mixture)
    if channels > 2:
        raise ConfigError(
            f"the oracle 'mwf' filters one or two channels, not {channels}",
            hint="choose 'irm2'",
        )
    spatial = [_spatial_covariance(stem) for stem in stems]
    inverses = [_inverse(covariance) for covariance in spatial]

    def filtered(mixed: Spectra, sources: Spectra) -> Spectra:
        covariances = []
        for source, covariance, inverse in zip(sources, spatial, inverses, strict=True):
            observed = np.einsum("itf,jtf->tfij", source, source.conj())
            power = np.einsum("fij,tfji->tf", inverse, observed).real / channels
            covariances.append(power[..., None, None] * covariance)
        inverse_mixed = _inverse(_total(covariances))
        gains = (_gain(covariance, inverse_mixed) for covariance in covariances)
        return np.stack([np.einsum("tfij,jtf->itf", gain, mixed) for gain in gains])

    return _filtered(stems, mixture, filtered)


def _spatial_covariance(stem: Signal) -> Spectra:
    """Return how the channels of a stem vary together, (bins, channels, channels)."""
    channels, samples = stem.shape
    total = np.zeros((1, channels, channels), np.complex128)
    for first, stop in _blocks(samples):
        spectra = analyse(stem, first, stop)
        power = np.mean(np.abs(spectra) ** 2, axis=0)
        total = total + np.einsum("itf,jtf->fij", spectra / (_EPS + power), spectra.conj())
    covariance = total / frame_count(samples)
    # Of the channel k at the frequency k, where the trace over channels was meant.
    trace = sum(covariance[k, k] for k in range(channels))
    trace = np.where(trace == 0, 1, trace)  # a silent stem
    return np.asarray(covariance * channels / trace + _EPS * np.eye(channels))


def _gain(covariance: Spectra, inverse: Spectra) -> NDArray[np.complex64]:
    """Return the product of matrices, rounded after each term."""
    gain = np.zeros(covariance.shape, np.complex64)
    for k in range(covariance.shape[-1]):
        gain += covariance[..., :, k, None] * inverse[..., k, None, :]
    return gain


def _inverse(matrices: Spectra) -> Spectra:
    """Return the inverses of matrices of one or two rows, whose determinants may be zero."""
    if matrices.shape[-1] == 1:
        return np.asarray(1 / (_EPS + matrices))
    (a, b), (c, d) = np.moveaxis(matrices, (-2, -1), (0, 1))
    adjugate = np.moveaxis(np.array([[d, -b], [-c, a]]), (0, 1), (-2, -1))
    return np.asarray(adjugate / (_EPS + a * d - b * c)[..., None, None])


def _filtered(stems: list[Signal], mixture: Signal, apply: Filter) -> NDArray[np.float32]:
    """Take all signals apart, filter them a few frames at a time, and put them together."""
    samples = mixture.shape[-1]

    def blocks() -> Iterator[Spectra]:
        for first, stop in _blocks(samples):
            sources = np.stack([analyse(stem, first, stop) for stem in stems])
            yield apply(analyse(mixture, first, stop), sources)

    return synthesise(blocks(), samples)


def _blocks(samples: int) -> Iterator[tuple[int, int]]:
    frames = frame_count(samples)
    return ((first, min(first + _BLOCK, frames)) for first in range(0, frames, _BLOCK))


def _sum(signals: list[Any]) -> NDArray[np.float64]:
    total = np.zeros(signals[0].shape)
    for signal in signals:
        total += signal
    return total


def _total(matrices: list[Spectra]) -> Spectra:
    return np.asarray(sum(matrices[1:], matrices[0]))
