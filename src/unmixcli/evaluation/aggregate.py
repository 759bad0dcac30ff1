"""From the windows of tracks to the numbers of a table, in both ways that were published.

The two give different numbers for the same scores: of the same Wave-U-Net, vocals are 3.25 dB as
the median of medians and 2.99 dB pooled. Void windows count for nothing in either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from unmixcli.evaluation.scores import METRICS, TrackScores, Values


class Aggregation(StrEnum):
    """Which population a table describes."""

    MEDIAN_OF_MEDIANS = "median-of-medians"  # SiSEC 2018, Demucs: a median for each track
    POOLED = "pooled"  # Wave-U-Net, URMP: the windows of all tracks alike


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What describes a population of scores.

    Attributes:
        median: Of all that are not void, infinite ones too, in dB; NaN of none.
        mad: Median absolute deviation from the median, of the finite ones.
        mean: Of the finite ones.
        sd: Standard deviation of the finite ones, of the population (ddof 0).
        count: Finite ones.
        infinite: Perfect ones; or, where the sign is minus, of nothing right.
        void: NaN.
    """

    median: float
    mad: float
    mean: float
    sd: float
    count: int
    infinite: int
    void: int


Table = dict[str, dict[str, Statistics]]
"""By stem (or whatever the rows are), then by metric."""


def describe(values: Iterable[float] | Values) -> Statistics:
    """Describe a population of scores, in dB."""
    population = np.asarray(values if isinstance(values, np.ndarray) else [*values], np.float64)
    known = population[~np.isnan(population)]
    finite = known[np.isfinite(known)]
    median = _median(population)
    return Statistics(
        median=median,
        mad=_median(np.abs(finite - median)) if np.isfinite(median) else np.nan,
        mean=float(finite.mean()) if finite.size else np.nan,
        sd=float(finite.std()) if finite.size else np.nan,
        count=finite.size,
        infinite=known.size - finite.size,
        void=population.size - known.size,
    )


def aggregate(tracks: Iterable[TrackScores], how: Aggregation) -> Table:
    """Describe what the windows of each stem scored.

    Args:
        tracks: Of which some may lack a stem.
        how: Whether the population is that of the tracks' medians or that of all windows.
    """
    populations: dict[str, dict[str, list[Values]]] = {}
    for track in tracks:
        for stem, metric, values in _windows(track):
            per_track = Aggregation(how) is Aggregation.MEDIAN_OF_MEDIANS
            population = np.array([_median(values)]) if per_track else values
            populations.setdefault(stem, {}).setdefault(metric, []).append(population)
    return {stem: _described(metrics) for stem, metrics in populations.items()}


def whole_tracks(tracks: Iterable[TrackScores]) -> Table:
    """Describe what whole tracks scored, by stem: SDR, SI-SDR and energy at silence."""
    populations: dict[str, dict[str, list[Values]]] = {}
    for track in tracks:
        for metric, stems in track.whole.items():
            for stem, value in stems.items():
                rows = populations.setdefault(stem, {}).setdefault(metric, [])
                rows.append(np.array([value]))
    return {stem: _described(metrics) for stem, metrics in populations.items()}


def by_number_of_sources(tracks: Iterable[TrackScores]) -> dict[int, dict[str, Statistics]]:
    """Describe all windows and stems of the tracks of each number of stems.

    As Slizovskaia, Kim, Haro & Gomez 2019 lay out their table 2, whose figures are means.
    """
    populations: dict[int, dict[str, list[Values]]] = {}
    for track in tracks:
        for _, metric, values in _windows(track):
            rows = populations.setdefault(len(track.sources), {})
            rows.setdefault(metric, []).append(values)
    return {count: _described(metrics) for count, metrics in sorted(populations.items())}


def by_instrument(tracks: Iterable[TrackScores]) -> Table:
    """Describe all windows of each stem; the means are what the same paper plots."""
    return aggregate(tracks, Aggregation.POOLED)


def mean_of_medians(table: Mapping[str, Mapping[str, Statistics]], metric: str) -> float:
    """Return the mean over stems of their medians, the "All" of published tables, in dB.

    Args:
        table: Of those stems that are to count.
        metric: Such as ``SDR``.
    """
    medians = [row[metric].median for row in table.values() if metric in row]
    return float(np.mean(medians)) if medians else np.nan


def _windows(track: TrackScores) -> Iterable[tuple[str, str, Values]]:
    for stem, frames in track.sources.items():
        for metric in METRICS:
            if metric in frames.metrics():
                yield stem, metric, frames.metrics()[metric]


def _described(populations: Mapping[str, list[Values]]) -> dict[str, Statistics]:
    return {metric: describe(np.concatenate(values)) for metric, values in populations.items()}


def _median(values: NDArray[np.float64]) -> float:
    """Return the median of what is not NaN, and NaN of nothing."""
    known = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):  # between infinity and minus infinity there is none
        return float(np.median(known)) if known.size else np.nan
