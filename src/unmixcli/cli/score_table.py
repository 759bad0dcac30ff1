"""The table of scores that ``unmixcli eval`` prints: a line for each system and stem."""

from __future__ import annotations

import math
from collections.abc import Iterator

from unmixcli.cli.output import Column, Printer
from unmixcli.evaluation.aggregate import Aggregation, aggregate, whole_tracks
from unmixcli.evaluation.results import Results, SystemResults
from unmixcli.evaluation.summary import SILENCE, averaged, metrics_of, stems_of

UNKNOWN, ALL = "-", "all"


def show(printer: Printer, results: Results) -> None:
    """Print the table on a terminal, fields between tabs on a pipe."""
    if printer.as_json:
        return
    metrics = metrics_of(results)
    titles = ["system", "stem", *metrics, "tracks", "void", "at silence"]
    rows = [row for system in results.systems for row in _rows(system, results, metrics)]
    if not printer.on_terminal:
        printer.fields([titles, *rows])
        return
    columns = [Column(title, number=index > 1) for index, title in enumerate(titles)]
    printer.table(columns, rows, dim=[row[1] == ALL for row in rows])
    printer.lines(
        [
            "",
            f"{', '.join(metrics) or 'SDR'}: median over tracks of medians over windows, in dB",
            "void: windows without a score; at silence: level of estimates of silence, in dBFS",
        ]
    )


def _rows(system: SystemResults, results: Results, metrics: tuple[str, ...]) -> Iterator[list[str]]:
    medians = aggregate(system.scores, Aggregation.MEDIAN_OF_MEDIANS)
    pooled = aggregate(system.scores, Aggregation.POOLED)
    whole = whole_tracks(system.scores)
    for stem in stems_of(results):
        if stem in medians:
            found = medians[stem]
            yield [
                system.name,
                stem,
                *(_number(found[metric].median) for metric in metrics),
                str(found["SDR"].count + found["SDR"].infinite + found["SDR"].void),
                str(pooled[stem]["SDR"].void),
                _number(whole[stem][SILENCE].median),
            ]
    if len(medians) > 1:
        means = [_number(averaged(medians, metric)) for metric in metrics]
        yield [system.name, ALL, *means, str(len(system.tracks)), "", ""]


def _number(value: float) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:.2f}"
