"""Tables of results as text, ready for a page: every number is one of the summary's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from unmixcli.evaluation import summary
from unmixcli.evaluation.aggregate import (
    Aggregation,
    Statistics,
    aggregate,
    by_instrument,
    by_number_of_sources,
    describe,
    whole_tracks,
)
from unmixcli.evaluation.report.table import Cell, Row, Table, marked
from unmixcli.evaluation.report.wording import NOTHING, db
from unmixcli.evaluation.results import Results, SystemResults
from unmixcli.evaluation.scores import TrackScores
from unmixcli.evaluation.summary import averaged, stems_of

_COUNTS = ("finite", "infinite", "void")

_Key = TypeVar("_Key")


def metrics_of(results: Results) -> tuple[str, ...]:
    """Return the metrics of windows, without those that have no value anywhere."""
    pooled = [aggregate(system.scores, Aggregation.POOLED) for system in results.systems]
    return tuple(
        metric
        for metric in summary.metrics_of(results)
        if metric == "SDR" or any(_known(row.get(metric)) for one in pooled for row in one.values())
    )


def medians(results: Results, metric: str) -> Table:
    """Return the table of SiSEC 2018 and Demucs: systems by stems, and the mean of stems."""
    sources = stems_of(results)
    tables = [aggregate(one.scores, Aggregation.MEDIAN_OF_MEDIANS) for one in results.systems]
    rows = [
        [
            *(_get(table, source, metric, "median") for source in sources),
            averaged(table, metric),
        ]
        for table in tables
    ]
    return Table(
        caption=f"{metric}, median over tracks of each track's median, in dB",
        heads=("system",),
        columns=(*sources, "all"),
        rows=marked(results.systems, rows),
        names=True,
    )


def pooled(results: Results, metric: str) -> Table:
    """Return the table of Wave-U-Net: statistics of the windows of all tracks."""
    found = [
        (system.name, source, row[metric])
        for system in results.systems
        for source, row in aggregate(system.scores, Aggregation.POOLED).items()
        if metric in row
    ]
    order = stems_of(results)
    found.sort(key=lambda one: order.index(one[1]))  # stable: systems keep their order
    return Table(
        caption=f"{metric} of all windows of all tracks, in dB",
        heads=("source", "system"),
        columns=("median", "MAD", "mean", "SD", *_COUNTS),
        rows=tuple(
            Row((source, name), tuple(map(Cell, _described(statistics))))
            for name, source, statistics in found
        ),
    )


def whole(results: Results, metric: str, caption: str) -> Table:
    """Return medians over tracks of what whole tracks scored: systems by stems.

    Args:
        results: What was scored.
        metric: A key of ``TrackScores.whole``.
        caption: Of the table.
    """
    sources = stems_of(results)
    tables = [whole_tracks(system.scores) for system in results.systems]
    rows = [[_get(table, source, metric, "median") for source in sources] for table in tables]
    texts = [tuple(Cell(db(value)) for value in row) for row in rows]
    return Table(
        caption=caption,
        heads=("system",),
        columns=sources,
        rows=tuple(
            Row((system.name,), cells) for system, cells in zip(results.systems, texts, strict=True)
        ),
        names=True,
    )


def void(results: Results) -> Table:
    """Return how many windows counted for nothing: stems by systems."""

    def cell(system: SystemResults, source: str) -> Cell:
        found = [scores.sources[source] for scores in system.scores if source in scores.sources]
        count = sum(len(frames.sdr) for frames in found)
        return Cell(f"{sum(frames.void for frames in found)} of {count}" if count else NOTHING)

    return Table(
        caption="Void windows, of how many",
        heads=("source",),
        columns=tuple(system.name for system in results.systems),
        rows=tuple(
            Row((source,), tuple(cell(system, source) for system in results.systems))
            for source in stems_of(results)
        ),
        names=True,
    )


def per_track(results: Results, value: Callable[[TrackScores, str], float], caption: str) -> Table:
    """Return a number for each stem of each track: these by systems.

    Args:
        results: What was scored.
        value: The number of a stem of a track; NaN where there is none.
        caption: Of the table.
    """
    scores = by_track(results)
    rows = []
    for track in results.track_names:
        found = [scores[system.name].get(track) for system in results.systems]
        stems = dict.fromkeys(stem for one in found if one for stem in one.sources)
        for stem in stems:
            cells = [
                Cell(db(value(one, stem)) if one and stem in one.sources else NOTHING)
                for one in found
            ]
            rows.append(Row((track, stem), tuple(cells)))
    return Table(
        caption=caption,
        heads=("track", "source"),
        columns=tuple(system.name for system in results.systems),
        rows=tuple(rows),
        names=True,
    )


def by_sources(results: Results) -> Table:
    """Return means by the number of stems, as table 2 of the conditioned paper."""
    found = [by_number_of_sources(system.scores) for system in results.systems]
    counts = sorted({count for one in found for count in one})
    metrics = [metric for metric in metrics_of(results) if metric != "ISR"]  # which it has not
    rows = [
        [_get(one, count, metric, "mean") for metric in metrics for count in counts]
        for one in found
    ]
    return Table(
        caption="Mean of all windows and stems, by how many stems a track has, in dB",
        heads=("system",),
        columns=tuple(str(count) for _ in metrics for count in counts),
        groups=tuple((metric, len(counts)) for metric in metrics),
        rows=marked(results.systems, rows),
    )


def instruments(results: Results, metric: str) -> Table:
    """Return means by instrument, as the conditioned paper plots them."""
    found = [by_instrument(system.scores) for system in results.systems]
    return Table(
        caption=f"{metric}, mean of all windows of an instrument, in dB",
        heads=("instrument",),
        columns=tuple(system.name for system in results.systems),
        rows=tuple(
            Row((source,), tuple(Cell(db(_get(one, source, metric, "mean"))) for one in found))
            for source in stems_of(results)
        ),
        names=True,
    )


def by_track(results: Results) -> dict[str, dict[str, TrackScores]]:
    """Return scores by system, then by track."""
    return {
        system.name: {track.name: track.scores for track in system.tracks}
        for system in results.systems
    }


def median_of(metric: str) -> Callable[[TrackScores, str], float]:
    """Return what gives the median window of a stem of a track."""

    def value(scores: TrackScores, stem: str) -> float:
        values = scores.sources[stem].metrics().get(metric)
        return math.nan if values is None else describe(values).median

    return value


def whole_of(metric: str) -> Callable[[TrackScores, str], float]:
    """Return what gives the whole-track score of a stem of a track."""
    return lambda scores, stem: scores.whole[metric].get(stem, math.nan)


def _described(found: Statistics) -> tuple[str, ...]:
    numbers = (found.median, found.mad, found.mean, found.sd)
    return (*map(db, numbers), str(found.count), str(found.infinite), str(found.void))


def _get(
    table: Mapping[_Key, Mapping[str, Statistics]], row: _Key, metric: str, name: str
) -> float:
    found = table.get(row, {}).get(metric)
    return math.nan if found is None else float(getattr(found, name))


def _known(found: Statistics | None) -> bool:
    return found is not None and found.count + found.infinite > 0
