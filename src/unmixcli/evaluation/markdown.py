"""An evaluation as Markdown, laid out as papers lay out theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from unmixcli.evaluation.aggregate import (
    Aggregation,
    Statistics,
    aggregate,
    by_instrument,
    by_number_of_sources,
    whole_tracks,
)
from unmixcli.evaluation.results import Results
from unmixcli.evaluation.summary import (
    SILENCE,
    averaged,
    is_chamber_music,
    metrics_of,
    stems_of,
)

UNKNOWN = "-"


def markdown(results: Results) -> str:
    """Return the text."""
    lines = [*_head(results)]
    for metric in metrics_of(results):
        lines += ["", f"## {metric}: median over tracks of medians over windows, in dB", ""]
        lines += _medians(results, metric)
    lines += ["", "## All windows pooled, in dB", "", *_pooled(results)]
    lines += ["", "## Whole tracks: medians, in dB", "", *_whole(results)]
    if is_chamber_music(results):
        lines += ["", "## By number of sources: means of windows, in dB", "", *_by_number(results)]
        lines += ["", "## By instrument: means of windows, in dB", "", *_by_instrument(results)]
    if results.failures:
        lines += ["", "## Not scored", ""]
        lines += [_escaped(f"- {f.system}, {f.track}: {f.error}") for f in results.failures]
    return "\n".join(lines) + "\n"


def decibels(value: float) -> str:
    """Return a score as tables show it."""
    return UNKNOWN if math.isnan(value) else f"{value:.2f}"


def _head(results: Results) -> Iterator[str]:
    yield "# Scores"
    yield ""
    split = f", split '{results.split}'" if results.split else ""
    yield _escaped(
        f"Data set: {results.dataset} ({results.layout}{split}), {len(results.track_names)} tracks."
    )
    options = results.options
    yield (
        f"BSSEval {options.style.value}, windows of {options.window:g} s every {options.hop:g} s, "
        f"engine '{options.engine.value}'{', rules of museval' if options.compat else ''}."
    )
    yield from (_escaped(f"- {note}") for note in results.notes)


def _medians(results: Results, metric: str) -> Iterator[str]:
    stems = stems_of(results)
    yield from _header(["system", *stems, "all", "tracks"])
    for system in results.systems:
        table = aggregate(system.scores, Aggregation.MEDIAN_OF_MEDIANS)
        cells = [_median(table.get(stem, {}), metric) for stem in stems]
        mean = decibels(averaged(table, metric))
        yield _line([system.name, *cells, mean, str(len(system.tracks))])


def _pooled(results: Results) -> Iterator[str]:
    yield from _header(
        ["system", "stem", "metric", "median", "MAD", "mean", "SD", "windows", "void"]
    )
    for system in results.systems:
        table = aggregate(system.scores, Aggregation.POOLED)
        for stem in stems_of(results):
            for metric, found in table.get(stem, {}).items():
                values = (found.median, found.mad, found.mean, found.sd)
                counts = [str(found.count + found.infinite), str(found.void)]
                yield _line([system.name, stem, metric, *map(decibels, values), *counts])


def _whole(results: Results) -> Iterator[str]:
    metrics = ("SDR", "SI-SDR", SILENCE)
    yield from _header(["system", "stem", *metrics])
    for system in results.systems:
        table = whole_tracks(system.scores)
        for stem in stems_of(results):
            if stem in table:
                cells = [_median(table[stem], metric) for metric in metrics]
                yield _line([system.name, stem, *cells])


def _by_number(results: Results) -> Iterator[str]:
    """Yield the layout of table 2 of Slizovskaia, Kim, Haro & Gomez 2019."""
    tables = {system.name: by_number_of_sources(system.scores) for system in results.systems}
    counts = sorted({count for table in tables.values() for count in table})
    metrics = _of_papers(results)
    yield from _header(["system", *(f"{m}, {n}" for m in metrics for n in counts)])
    for name, table in tables.items():
        cells = [_mean(table.get(n, {}), metric) for metric in metrics for n in counts]
        yield _line([name, *cells])


def _by_instrument(results: Results) -> Iterator[str]:
    """Yield as numbers what the same paper plots."""
    tables = {system.name: by_instrument(system.scores) for system in results.systems}
    metrics = _of_papers(results)
    yield from _header(["instrument", *(f"{name} {m}" for name in tables for m in metrics)])
    for stem in stems_of(results):
        cells = [_mean(table.get(stem, {}), m) for table in tables.values() for m in metrics]
        yield _line([stem, *cells])


def _of_papers(results: Results) -> Sequence[str]:
    return [metric for metric in metrics_of(results) if metric != "ISR"]


def _median(row: Mapping[str, Statistics], metric: str) -> str:
    return decibels(row[metric].median) if metric in row else UNKNOWN


def _mean(row: Mapping[str, Statistics], metric: str) -> str:
    return decibels(row[metric].mean) if metric in row else UNKNOWN


def _header(titles: Sequence[str]) -> Iterator[str]:
    yield _line(titles)
    yield "|" + "---|" * len(titles)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    """Keep a name from ending its cell, or its line."""
    return " ".join(text.replace("|", "\\|").splitlines())
