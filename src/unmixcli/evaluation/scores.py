"""What scoring a track gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmixcli.evaluation.options import Options

METRICS = ("SDR", "SIR", "SAR", "ISR")
"""What windows are scored by, in the order of tables."""

Values = NDArray[np.float64]
"""A metric of each window, in dB; NaN where the window is void, infinite where all is right."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameScores:
    """What the windows of one stem scored.

    Attributes:
        sdr: Of each window, in dB.
        sir: Likewise; ``None`` if it was not asked for.
        sar: Likewise.
        isr: Likewise; NaN where BSSEval knows none (v3, sources).
        window: Length of a window, in seconds.
        hop: From one window to the next, in seconds.
    """

    sdr: Values
    sir: Values | None = None
    sar: Values | None = None
    isr: Values | None = None
    window: float
    hop: float

    @property
    def void(self) -> int:
        """Windows that count for nothing, because of silence."""
        return int(np.isnan(self.sdr).sum())

    def metrics(self) -> dict[str, Values]:
        """Return what was computed, by the name of the metric."""
        every = dict(zip(METRICS, (self.sdr, self.sir, self.sar, self.isr), strict=True))
        return {name: values for name, values in every.items() if values is not None}


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackScores:
    """What a track scored.

    Attributes:
        name: Of the track.
        sources: Scores of the windows, by stem.
        sdr: SDR of the whole track, by stem, in dB; NaN where the reference is silent.
        si_sdr: Scale-invariant SDR of the whole track, likewise.
        energy_at_silence: How loud an estimate is where its reference is silent, in dB of full
            scale; NaN where it never is.
        options: How it was scored.
        warnings: What a reader of the scores should know.
    """

    name: str
    sources: Mapping[str, FrameScores]
    sdr: Mapping[str, float]
    si_sdr: Mapping[str, float]
    energy_at_silence: Mapping[str, float]
    options: Options
    warnings: tuple[str, ...] = ()

    @property
    def whole(self) -> dict[str, Mapping[str, float]]:
        """Return what the whole track scored: by metric, by stem."""
        return {
            "SDR": self.sdr,
            "SI-SDR": self.si_sdr,
            "energy at silence": self.energy_at_silence,
        }
