"""The numbers of an evaluation: both published aggregations, by name, and what URMP asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from unmixcli import __version__
from unmixcli.datasets.collection import in_order
from unmixcli.datasets.track import ACCOMPANIMENT, VOCALS
from unmixcli.evaluation.aggregate import (
    Aggregation,
    Statistics,
    Table,
    aggregate,
    by_instrument,
    by_number_of_sources,
    mean_of_medians,
    whole_tracks,
)
from unmixcli.evaluation.results import Results, SystemResults
from unmixcli.evaluation.scores import METRICS
from unmixcli.instruments import find

SCHEMA = 1
SILENCE = "energy at silence"


def stems_of(results: Results) -> tuple[str, ...]:
    """Return every stem that any system was scored on, in the order of tables."""
    return in_order(
        {stem for system in results.systems for track in system.scores for stem in track.sources}
    )


def metrics_of(results: Results) -> tuple[str, ...]:
    """Return the metrics of windows that were computed, in the order of tables."""
    there = {
        metric
        for system in results.systems
        for track in system.scores
        for frames in track.sources.values()
        for metric in frames.metrics()
    }
    return tuple(metric for metric in METRICS if metric in there)


def averaged(table: Table, metric: str) -> float:
    """Return the mean over stems of their medians, the "All" of published tables, in dB.

    The accompaniment counts only where it is not the sum of stems that count already.
    """
    others = set(table) - {VOCALS, ACCOMPANIMENT}
    counted = {s: row for s, row in table.items() if s != ACCOMPANIMENT or not others}
    return mean_of_medians(counted, metric)


def is_chamber_music(results: Results) -> bool:
    """Say whether the stems are instruments, whose tables are those of conditioned separation."""
    stems = stems_of(results)
    return bool(stems) and all(find(stem) for stem in stems)


def document(results: Results) -> dict[str, Any]:
    """Return all numbers as plain JSON values; what is void or infinite is ``None``."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "dataset": {
            "path": str(results.dataset),
            "layout": results.layout,
            "split": results.split,
            "tracks": list(results.track_names),
            "notes": list(results.notes),
        },
        "settings": dict(results.settings),
        "systems": [_system(system, is_chamber_music(results)) for system in results.systems],
        "failures": [asdict(failure) for failure in results.failures],
    }


def _system(system: SystemResults, chamber: bool) -> dict[str, Any]:
    tracks = system.scores
    medians = aggregate(tracks, Aggregation.MEDIAN_OF_MEDIANS)
    found: dict[str, Any] = {
        "name": system.name,
        "kind": system.kind.value,
        "folder": system.folder.name,
        "about": dict(system.about),
        "tracks": [track.name for track in tracks],
        "warnings": {track.name: list(track.warnings) for track in tracks if track.warnings},
        "aggregations": {
            Aggregation.MEDIAN_OF_MEDIANS.value: _plain(medians),
            Aggregation.POOLED.value: _plain(aggregate(tracks, Aggregation.POOLED)),
        },
        "all": {metric: _finite(averaged(medians, metric)) for metric in _metrics(medians)},
        "whole_tracks": _plain(whole_tracks(tracks)),
    }
    if chamber:
        counts = by_number_of_sources(tracks)
        found["by_number_of_sources"] = {str(n): _row(row) for n, row in counts.items()}
        found["by_instrument"] = _plain(by_instrument(tracks))
    return found


def _metrics(table: Table) -> Sequence[str]:
    return [metric for metric in METRICS if any(metric in row for row in table.values())]


def _plain(table: Table) -> dict[str, Any]:
    return {stem: _row(table[stem]) for stem in in_order(table)}


def _row(row: Mapping[str, Statistics]) -> dict[str, Any]:
    return {
        metric: {name: _finite(value) for name, value in asdict(statistics).items()}
        for metric, statistics in row.items()
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
