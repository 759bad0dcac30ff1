"""The four parts of an estimate, window by window: SIR, SAR, ISR, and the SDR of v3.

An estimate is projected on its own reference and on all of them, each delayed by up to 511
samples (Vincent, Gribonval & Févotte 2006, section III; for images Vincent et al. 2007)::

    ŝ = s + e_spat + e_interf + e_artif
        s + e_spat = the projection on the own reference
        s + e_spat + e_interf = the projection on all references

The energies of the parts are taken in the frequency domain (Parseval), so that a window costs one
transform of each channel and none back. Differences are formed before they are squared: parts
that are 150 dB below the estimate come out right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unmixcli.evaluation.correlations import correlate
from unmixcli.evaluation.filters import TAPS, solve
from unmixcli.evaluation.ratios import Array, decibels, energy

Spectra = NDArray[np.complex128]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Energies of the parts of one estimate in one window.

    Attributes:
        true: Of the reference.
        distortion: Of the estimate less the reference.
        image: Of the projection on the own reference.
        spatial: Of that less the reference.
        interference: Of the projection on all references less that on the own.
        explained: Of the projection on all references.
        artifacts: Of the estimate less that.
        residual: Of the estimate less the projection on the own reference.
    """

    true: float
    distortion: float
    image: float
    spatial: float
    interference: float
    explained: float
    artifacts: float
    residual: float

    def images(self) -> tuple[float, float, float, float]:
        """Return SDR, ISR, SIR and SAR of BSSEval images (v3 and v4), in dB."""
        return (
            decibels(self.true, self.distortion),
            decibels(self.true, self.spatial),
            decibels(self.image, self.interference),
            decibels(self.explained, self.artifacts),
        )

    def sources(self) -> tuple[float, float, float, float]:
        """Return SDR, ISR (there is none), SIR and SAR of BSSEval sources (v2 and v3), in dB."""
        return (
            decibels(self.image, self.residual),
            np.nan,
            decibels(self.image, self.interference),
            decibels(self.explained, self.artifacts),
        )


@dataclass(frozen=True, kw_only=True)
class Projector:
    """Filters that are ready to be applied to windows.

    Attributes:
        everything: From all references to all estimates, (channels, channels, taps).
        own: From each reference to its own estimate, (channels, channels, taps) each.
        ill_posed: See :class:`Filters`.
        length: Of the windows, in samples.
    """

    everything: NDArray[np.float64]
    own: tuple[NDArray[np.float64], ...]
    ill_posed: bool
    length: int

    @classmethod
    def of(cls, references: Sequence[Array], estimates: Sequence[Array], length: int) -> Projector:
        """Find the filters of references and estimates, (channels, samples) each.

        Args:
            references: None silent.
            estimates: As many, in the same order.
            length: Of the windows that will be projected, in samples.
        """
        across = correlate(references, [*references, *estimates], TAPS)
        total = sum(len(reference) for reference in references)
        among, across = across[:, :total], across[:, total:]
        filters = solve(among, across)
        channels = len(references[0])
        own = []
        for start in range(0, total, channels):
            rows = slice(start, start + channels)
            own.append(solve(among[rows, rows], across[rows, rows]).taps)
        return cls(
            everything=filters.taps, own=tuple(own), ill_posed=filters.ill_posed, length=length
        )

    @property
    def size(self) -> int:
        """Length of the transforms: a window and the tail of the filters."""
        size: int = scipy.fft.next_fast_len(self.length + TAPS - 1, real=True)
        return size

    @cached_property
    def _everything(self) -> Spectra:
        return self._spectra(self.everything)

    @cached_property
    def _own(self) -> list[Spectra]:
        return [self._spectra(filters) for filters in self.own]

    def parts(self, references: Sequence[Array], estimates: Sequence[Array]) -> list[Parts]:
        """Return the energies of the parts of each estimate in a window.

        Args:
            references: Of the window, (channels, samples) each.
            estimates: Likewise.
        """
        true = [self._spectra(reference) for reference in references]
        # What a window does not hold does not reach into it: museval cuts, then filters.
        explained = np.einsum("rsf,rf->sf", self._everything, np.concatenate(true))
        found, start = [], 0
        for reference, estimate, spectrum, filters in zip(
            references, estimates, true, self._own, strict=True
        ):
            guess = self._spectra(estimate)
            image = np.einsum("rsf,rf->sf", filters, spectrum)
            whole = explained[start : start + len(estimate)]
            start += len(estimate)
            target = reference.astype(np.float64)
            found.append(
                Parts(
                    true=energy(target),
                    distortion=energy(target - estimate),
                    image=self._energy(image),
                    spatial=self._energy(image - spectrum),
                    interference=self._energy(whole - image),
                    explained=self._energy(whole),
                    artifacts=self._energy(guess - whole),
                    residual=self._energy(guess - image),
                )
            )
        return found

    def _spectra(self, signal: Array) -> Spectra:
        spectra: Spectra = scipy.fft.rfft(signal.astype(np.float64), self.size, axis=-1)
        return spectra

    def _energy(self, spectra: Spectra) -> float:
        """Return the energy of the signals of some one-sided spectra (Parseval)."""
        flat = spectra.ravel()
        both = 2 * np.vdot(flat, flat).real
        # Neither the mean nor, of an even length, the highest frequency has a mirror image.
        once = spectra[:, [0, -1]] if self.size % 2 == 0 else spectra[:, :1]
        return float(both - np.square(np.abs(once)).sum()) / self.size
