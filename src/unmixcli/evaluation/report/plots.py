"""The pictures of a report, each a file of its own as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from unmixcli.evaluation.aggregate import describe
from unmixcli.evaluation.report import figures
from unmixcli.evaluation.report.figures import Population
from unmixcli.evaluation.report.svg import inlined, render
from unmixcli.evaluation.report.tables import by_track, median_of, metrics_of
from unmixcli.evaluation.report.wording import db, shown, slug
from unmixcli.evaluation.results import Results, SystemResults
from unmixcli.evaluation.summary import stems_of


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture.

    Attributes:
        name: Of its file, without ending; unique in a report.
        title: What a page puts above it.
        alt: What it shows, for those who do not see it.
        file: The text of its file.
    """

    name: str
    title: str
    alt: str
    file: str

    @property
    def inline(self) -> str:
        """Its markup in a page."""
        return inlined(self.file, self.name, self.alt)


def distributions(results: Results) -> list[Plot]:
    """Draw how windows scored, a picture for each metric."""
    return [_distribution(results, metric) for metric in metrics_of(results)]


def tracks(results: Results) -> list[Plot]:
    """Draw how each track scored, a picture for each stem; the best are on top."""
    names: set[str] = set()
    plots = []
    for index, source in enumerate(stems_of(results)):
        # Two names may have the same letters, or none.
        plain = f"tracks-{slug(source)}".rstrip("-")
        name = f"{plain}-{index}" if plain in names or plain == "tracks" else plain
        names.add(name)
        plots.append(_tracks(results, source, name))
    return plots


def void(results: Results) -> Plot:
    """Draw how many windows counted for nothing."""
    sources, systems = stems_of(results), _names(results)
    counts = [
        [
            sum((one.sources[source].void for one in system.scores if source in one.sources), 0.0)
            for source in sources
        ]
        for system in results.systems
    ]
    totals = ", ".join(
        f"{shown(name)} {sum(row):.0f}" for name, row in zip(systems, counts, strict=True)
    )
    return Plot(
        name="void",
        title="Void windows",
        alt=f"Bars of void windows by source. In all: {totals}. The table beside has every count.",
        file=render(
            partial(figures.bars, sources, counts, systems, "void windows", decibels=False)
        ),
    )


def _distribution(results: Results, metric: str) -> Plot:
    populations = {
        source: [_population(system, source, metric) for system in results.systems]
        for source in stems_of(results)
    }
    systems = _names(results)
    return Plot(
        name=metric.lower(),
        title=metric,
        alt=f"Boxes of {metric} by source and system. Medians of windows in dB: "
        f"{_medians(populations, systems)}. The tables have every number.",
        file=render(partial(figures.distributions, populations, systems, metric)),
    )


def _medians(populations: dict[str, list[Population | None]], systems: Sequence[str]) -> str:
    return "; ".join(
        f"{shown(source)}: "
        + ", ".join(
            f"{shown(name)} {db(describe(population.windows).median)}"
            for name, population in zip(systems, row, strict=True)
            if population is not None
        )
        for source, row in populations.items()
    )


def _population(system: SystemResults, source: str, metric: str) -> Population | None:
    found = [
        frames.metrics()[metric]
        for scores in system.scores
        if (frames := scores.sources.get(source)) and metric in frames.metrics()
    ]
    if not found:
        return None
    medians = np.array([describe(values).median for values in found])
    return Population(np.concatenate(found), medians)


def _tracks(results: Results, source: str, name: str) -> Plot:
    value = median_of("SDR")
    rows: dict[str, list[float]] = {}
    scores = by_track(results).values()
    for track in results.track_names:
        found = [one.get(track) for one in scores]
        row = [value(one, source) if one and source in one.sources else math.nan for one in found]
        if not all(map(math.isnan, row)):
            rows[track] = row
    order = sorted(rows, key=lambda track: -_level(rows[track]))
    values = [[rows[track][index] for track in order] for index in range(len(results.systems))]
    ends = f"best {shown(order[0])}, worst {shown(order[-1])}" if order else "none"
    return Plot(
        name=name,
        title=shown(source),
        alt=f"Bars of the median SDR of {shown(source)} by track and system, sorted: {ends}. "
        "The table of tracks has every number.",
        file=render(
            partial(figures.bars, order, values, _names(results), "median SDR of a track (dB)")
        ),
    )


def _level(row: Sequence[float]) -> float:
    """Return what a track is sorted by: the mean of what is known, where infinity is far up."""
    known = np.clip([value for value in row if not math.isnan(value)], -1e6, 1e6)
    return float(known.mean())


def _names(results: Results) -> list[str]:
    return [system.name for system in results.systems]
