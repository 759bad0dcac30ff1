"""Score the windows of stems that belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.projections import Projector
from unmixcli.evaluation.ratios import Array, frame_sdr, is_silent

SDR, ISR, SIR, SAR = range(4)
"""Order of the metrics, museval's."""


@dataclass(frozen=True)
class Windows:
    """Scores of windows, before they have names.

    Attributes:
        values: (metrics, stems, windows), in dB; NaN where void or not asked for.
        ill_posed: The references of some window, or of the track, are nearly dependent.
    """

    values: NDArray[np.float64]
    ill_posed: bool = False


def score(
    references: Sequence[Array],
    estimates: Sequence[Array],
    windows: Sequence[slice],
    options: Options,
) -> Windows:
    """Score windows with our own code.

    Args:
        references: (channels, samples) each, all of one shape.
        estimates: As many, in the same order and of the same shape.
        windows: Which to score.
        options: How.
    """
    void = void_windows(references, estimates, windows, compat=options.compat)
    if not options.filtered:
        pairs = zip(references, estimates, strict=True)
        sdr = np.stack([frame_sdr(true, guess, windows) for true, guess in pairs])
        values = np.full((4, *sdr.shape), np.nan)
        values[SDR] = np.where(void, np.nan, sdr)
        return Windows(values)
    return _projected(references, estimates, windows, void, options)


def void_windows(
    references: Sequence[Array],
    estimates: Sequence[Array],
    windows: Sequence[slice],
    *,
    compat: bool,
) -> NDArray[np.bool_]:
    """Return which windows of which stem count for nothing, (stems, windows).

    A window whose reference is silent has no ratio to it. museval goes further: it voids the
    window for all stems if one is silent, in the reference or the estimate, and takes for
    silent whatever its channels cancel.
    """

    def silent(signals: Sequence[Array]) -> NDArray[np.bool_]:
        rows = [
            [is_silent(signal[:, window], summed=compat) for window in windows]
            for signal in signals
        ]
        return np.array(rows)

    void = silent(references)
    if compat:
        void |= silent(estimates)
        void[:] = void.any(axis=0)
    return void


def _projected(
    references: Sequence[Array],
    estimates: Sequence[Array],
    windows: Sequence[slice],
    void: NDArray[np.bool_],
    options: Options,
) -> Windows:
    """Score windows that are not void by the parts of the estimates."""
    values, ill_posed = np.full((4, *void.shape), np.nan), False
    filtering = _of_track if options.style is Style.V4 else _of_windows
    for column, heard, projector in filtering(references, estimates, windows, void):
        window = windows[column]
        parts = projector.parts(
            [references[row][:, window] for row in heard],
            [estimates[row][:, window] for row in heard],
        )
        for row, part in zip(heard, parts, strict=True):
            if not void[row, column]:
                sources = options.style is Style.V3
                values[:, row, column] = part.sources() if sources else part.images()
        if len(heard) == 1 and not options.compat:
            _alone(values[:, heard[0], column], options.style)
        ill_posed |= projector.ill_posed
    return Windows(values, ill_posed)


Filtered = Iterator[tuple[int, list[int], Projector]]
"""A window that is not all void, which references have something to say in it, their filters."""


def _of_track(
    references: Sequence[Array],
    estimates: Sequence[Array],
    windows: Sequence[slice],
    void: NDArray[np.bool_],
) -> Filtered:
    """Yield each window with the filters of the whole track (v4)."""
    columns = np.flatnonzero(~void.all(axis=0)).tolist()
    if not columns:
        return
    # Of a reference that is silent nothing can come; without it the others are scored.
    heard = [row for row, true in enumerate(references) if true.any()]
    projector = Projector.of(
        [references[row] for row in heard],
        [estimates[row] for row in heard],
        windows[0].stop - windows[0].start,
    )
    yield from ((column, heard, projector) for column in columns)


def _of_windows(
    references: Sequence[Array],
    estimates: Sequence[Array],
    windows: Sequence[slice],
    void: NDArray[np.bool_],
) -> Filtered:
    """Yield each window with filters of its own (v3)."""
    for column, window in enumerate(windows):
        heard = np.flatnonzero(~void[:, column]).tolist()
        if heard:
            true = [references[row][:, window] for row in heard]
            guess = [estimates[row][:, window] for row in heard]
            yield column, heard, Projector.of(true, guess, window.stop - window.start)


def _alone(values: NDArray[np.float64], style: Style) -> None:
    """Take back what means nothing where there is one reference, and so no interference."""
    values[SIR] = np.nan
    if style is not Style.V3:
        values[[ISR, SAR]] = np.nan
