"""The two kinds of plots: distributions of windows, and bars by row and system.

Systems are rows or panels with their names beside them, so that there is no legend to look up and
eight are as readable as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from unmixcli.evaluation.aggregate import describe
from unmixcli.evaluation.report.palette import INK, PAPER, QUIET, Paint, of_system
from unmixcli.evaluation.report.wording import db, elided
from unmixcli.evaluation.scores import Values

_WIDTH = 9.0  # inches, which pages show as the width of their text
_LOW, _HIGH = 0.05, 0.95  # what whiskers span: beyond are windows of near silence, down to -80 dB
_FAR = 60.0  # dB from zero: beyond is as good as perfect, or as bad, and only its number is shown
_MOST_DOTS = 200
_MOST_NAMES = 150  # rows with a name each; beyond that names are dropped and rows get thin
_THIN, _TALLEST = 0.045, 40.0
_STEPS = (1, 2, 5, 10)
_LETTERS = 66  # that fit above all panels side by side
_LETTER, _SLANT = 0.079, math.radians(25)  # width in inches, and how titles are turned otherwise


@dataclass(frozen=True, eq=False)
class Population:
    """Scores of the windows of a source by one system.

    Attributes:
        windows: Of all tracks, in dB; NaN is void.
        medians: Of each track.
    """

    windows: Values
    medians: Values


@dataclass(frozen=True)
class _Box:
    """What is drawn of a population, in dB."""

    low: float
    first: float
    median: float
    third: float
    high: float


def distributions(
    populations: Mapping[str, Sequence[Population | None]], systems: Sequence[str], metric: str
) -> Figure:
    """Draw how the windows of each source scored: a box, and a dot for each track's median.

    So both published populations are there, each with its median.

    Args:
        populations: By source; one for each system, or ``None`` where it has none.
        systems: Their names.
        metric: What the axis says.
    """
    columns = 1 if len(populations) == 1 else 2 if len(populations) <= 4 else 3
    rows = math.ceil(len(populations) / columns)
    height = rows * (0.62 + 0.34 * len(systems))
    figure = Figure(figsize=(_WIDTH, height + 0.15), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    limits = _limits([one for row in populations.values() for one in row if one is not None])
    for axes, (source, row) in zip(grid.flat, populations.items(), strict=False):
        axes.set_title(elided(source))
        for index, population in enumerate(row):
            if population is not None:
                _draw_population(axes, index, population, limits)
    for axes in grid.flat[len(populations) :]:
        axes.set_visible(False)
    for column in range(columns):
        for axes in grid[:, column]:
            axes.yaxis.set_visible(column == 0)  # measuring names that are not shown takes long
        lowest = (len(populations) - 1 - column) // columns
        grid[lowest, column].set_xlabel(f"{metric} (dB)")
        grid[lowest, column].tick_params(axis="x", labelbottom=True)
    grid[0, 0].set_yticks(range(len(systems)), [elided(name) for name in systems])
    grid[0, 0].set_ylim(len(systems) - 0.45, -0.55)
    grid[0, 0].set_xlim(*limits)
    grid[0, 0].xaxis.set_major_locator(MaxNLocator(8 // columns + 2, steps=_STEPS))
    return figure


def bars(
    rows: Sequence[str],
    values: Sequence[Sequence[float]],
    systems: Sequence[str],
    label: str,
    *,
    decibels: bool = True,
) -> Figure:
    """Draw a bar for each row, in one panel for each system.

    Args:
        rows: Their names, from the top.
        values: By system, then by row; NaN is no bar.
        systems: Their names.
        label: Of the axis.
        decibels: Whether the values are; some may be too far away to be drawn.
    """
    named = len(rows) <= _MOST_NAMES
    height = min(len(rows) * (0.165 if named else _THIN) + 0.85, _TALLEST)
    longest = max(len(elided(name)) for name in systems)
    slanted = longest > _LETTERS // len(systems)
    rise, run = (longest * _LETTER * part for part in (math.sin(_SLANT), math.cos(_SLANT)))
    figure = Figure(figsize=(_WIDTH, height + slanted * rise), layout="constrained")
    if slanted:  # the last title runs on beyond its panel, which no layout knows
        beyond = max(run - 0.6 * _WIDTH / len(systems), 0)
        figure.set_layout_engine("constrained", rect=(0, 0, 1 - beyond / _WIDTH, 1))
    grid = figure.subplots(1, len(systems), sharex=True, sharey=True, squeeze=False)[0]
    style = {"rotation": math.degrees(_SLANT), "fontsize": 8.5} if slanted else {}
    everything = np.array([value for row in values for value in row])
    limits = _bar_limits(everything, _FAR if decibels else np.inf)
    for index, (axes, system, row) in enumerate(zip(grid, systems, values, strict=True)):
        places = np.flatnonzero(~np.isnan(row))
        lengths = np.clip(np.asarray(row)[places], *limits)
        axes.barh(places, lengths, height=0.72, color=of_system(index).light)
        for place in places[np.asarray(row)[places] != lengths] if named else ():
            _write_far(axes, row[place], place, limits, PAPER)
        axes.axvline(0, color=INK.light, linewidth=0.8)
        axes.yaxis.set_visible(index == 0)  # as above
        axes.set_title(elided(system), **style)
        axes.xaxis.set_major_locator(MaxNLocator(max(3, 12 // len(systems)), steps=_STEPS))
    grid[0].set_xlim(*limits)
    grid[0].set_ylim(len(rows) - 0.4, -0.6)
    names = [elided(name) for name in rows] if named else []
    grid[0].set_yticks(range(len(names)), names)
    figure.supxlabel(label, color=QUIET.light, fontsize=9)
    return figure


def _draw_population(
    axes: Axes, row: int, population: Population, limits: tuple[float, float]
) -> None:
    """Draw a box above the middle of its row, and dots below."""
    box, paint = _box(population.windows), of_system(row)
    if box is None:
        axes.text(0.01, row, "all void", transform=axes.get_yaxis_transform(), va="center")
        return
    if not limits[0] <= box.median <= limits[1]:
        _write_far(axes, box.median, row, limits, INK)
        return
    low, first, median, third, high = np.clip(
        [box.low, box.first, box.median, box.third, box.high], *limits
    )
    middle = row - 0.12
    axes.plot([low, high], [middle, middle], color=paint.light, linewidth=1.3)
    axes.barh(middle, third - first, 0.34, left=first, color=paint.light)
    _tick(axes, median, middle, 0.42, INK)
    _draw_dots(axes, row + 0.22, population.medians, paint, limits)
    typical = describe(population.medians).median
    if not math.isnan(typical):
        _tick(axes, float(np.clip(typical, *limits)), row + 0.22, 0.2, INK)


def _draw_dots(
    axes: Axes, row: float, medians: Values, paint: Paint, limits: tuple[float, float]
) -> None:
    known = np.sort(medians[~np.isnan(medians)])
    if known.size > _MOST_DOTS:
        return
    # Neighbours in three lanes, always the same, so that few hide each other.
    lanes = row + 0.055 * (np.arange(known.size) % 3 - 1)
    axes.scatter(np.clip(known, *limits), lanes, s=7, color=paint.light, linewidths=0, alpha=0.85)


def _tick(axes: Axes, value: float, middle: float, height: float, paint: Paint) -> None:
    ends = [middle - height / 2, middle + height / 2]
    # A rim of paper keeps the line visible on every colour of a box.
    axes.plot([value, value], ends, color=PAPER.light, linewidth=3.6, solid_capstyle="butt")
    axes.plot([value, value], ends, color=paint.light, linewidth=1.8, solid_capstyle="butt")


def _box(windows: Values) -> _Box | None:
    known = windows[~np.isnan(windows)]
    if not known.size:
        return None
    # No interpolation: between infinity and a number there is no value.
    low, first, third, high = np.quantile(
        known, [_LOW, 0.25, 0.75, _HIGH], method="inverted_cdf"
    ).tolist()
    # The very number of the tables; of two infinities of unlike sign there is none.
    median = describe(windows).median
    return _Box(low, first, 0.0 if math.isnan(median) else median, third, high)


def _limits(populations: Sequence[Population]) -> tuple[float, float]:
    """Return what the axis spans: all whiskers, and the medians of tracks."""
    ends: list[float] = []
    for population in populations:
        if box := _box(population.windows):
            ends += [box.low, box.median, box.high, *population.medians.tolist()]
    finite = [end for end in ends if abs(end) <= _FAR] or [0.0, 1.0]
    room = max(0.03 * (max(finite) - min(finite)), 0.5)
    return min(finite) - room, max(finite) + room


def _bar_limits(values: NDArray[np.float64], farthest: float) -> tuple[float, float]:
    """Return what the axis spans: zero and every value that is not far; those fill it."""
    near = [0.0, *values[np.abs(values) <= farthest].tolist()]
    room = 0.04 * (max(near) - min(near)) or 1.0
    below = min(near) < 0 or (values < -farthest).any()
    return (min(near) - room if below else 0.0, max(near) + room)


def _write_far(
    axes: Axes, value: float, row: float, limits: tuple[float, float], paint: Paint
) -> None:
    """Write a number that is beyond an end of the axis, at that end."""
    end, side = (limits[0], "left") if value < limits[0] else (limits[1], "right")
    text = f"← {db(value)}" if side == "left" else f"{db(value)} →"
    axes.text(end, row, text, ha=side, va="center_baseline", fontsize=7.5, color=paint.light)
