"""An evaluation as files: for programs, for spreadsheets, and for a paper."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unmixcli.durable import write_text
from unmixcli.evaluation import store
from unmixcli.evaluation.aggregate import Aggregation, Table, aggregate, whole_tracks
from unmixcli.evaluation.markdown import markdown
from unmixcli.evaluation.results import Results, SystemResults
from unmixcli.evaluation.scores import METRICS
from unmixcli.evaluation.summary import document

STATISTICS = ("median", "mad", "mean", "sd", "count", "infinite", "void")
FILES = (store.SUMMARY, "summary.csv", "summary.md", "frames.csv")
"""What is written, beside the files of systems."""


def write_tables(results: Results) -> None:
    """Write them all.

    Raises:
        OutputError: One cannot be written.
    """
    texts = (
        store.as_json(document(results)),
        _csv(_statistics(results)),
        markdown(results),
        _csv(_windows(results)),
    )
    for name, text in zip(FILES, texts, strict=True):
        write_text(results.folder / name, text)


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _windows(results: Results) -> Iterator[Sequence[Any]]:
    """Yield a row for each window; an empty cell is void, or was not asked for."""
    yield ("system", "track", "split", "stem", "window", "time", "duration", *METRICS)
    for system in results.systems:
        for track in system.tracks:
            for stem, frames in track.scores.sources.items():
                values = frames.metrics()
                for index in range(len(frames.sdr)):
                    cells = [_cell(values[m][index]) if m in values else "" for m in METRICS]
                    time = index * frames.hop
                    named = (system.name, track.name, track.split or "", stem)
                    yield (*named, index, time, frames.window, *cells)


def _statistics(results: Results) -> Iterator[Sequence[Any]]:
    yield ("system", "kind", "of", "stem", "metric", *STATISTICS)
    for system in results.systems:
        for name, table in _tables(system).items():
            for stem, row in table.items():
                for metric, found in row.items():
                    cells = [_cell(getattr(found, key)) for key in STATISTICS]
                    yield (system.name, system.kind.value, name, stem, metric, *cells)


def _tables(system: SystemResults) -> dict[str, Table]:
    tables = {how.value: aggregate(system.scores, how) for how in Aggregation}
    return {**tables, "whole-tracks": whole_tracks(system.scores)}


def _cell(value: float) -> str:
    """Return a number as any locale writes it here: with a point, and all its digits."""
    if math.isnan(value):
        return ""
    return str(value) if isinstance(value, int) else repr(float(value))
