"""Tables of what models that are told instruments have scored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded_floors import LABELS
from embedded_tables import decibels, mean, table
from unmixcli.evaluation.aggregate import describe
from unmixcli.evaluation.scores import TrackScores

FILTER, CEILING = "fixed filter", "IRM"
FAINT = -30.0
"""What an absent instrument may have, in dB of the mixture: the threshold of ``separate``."""
DRAWS = 2000

Both = tuple[float, float]
"""SDR and SI-SDR, in dB."""


@dataclass(kw_only=True)
class Found:
    """What one set of tracks gave.

    Attributes:
        tracks: Of each, its name, labels, and whether something else plays, too.
        scores: By system, by track, by label.
        swapped: By model, by track: what its SDR, a mean over labels, would gain if estimates
            were given other labels; 0 where theirs are best.
        absent: By system, by track: the label of an instrument that does not play, and how
            loud its estimate is, in dB of the mixture.
        engine: By system, what the engine of ``unmixcli evaluate`` says, SIR and SAR too.
    """

    tracks: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, dict[str, dict[str, Both]]] = field(default_factory=dict)
    swapped: dict[str, dict[str, float]] = field(default_factory=dict)
    absent: dict[str, dict[str, tuple[str, float]]] = field(default_factory=dict)
    engine: dict[str, list[TrackScores]] = field(default_factory=dict)

    def named(self, *, other: bool) -> list[str]:
        """Return the names of tracks in which something else plays, too, or does not."""
        return [track["name"] for track in self.tracks if track["other"] is other]

    def values(self, system: str, tracks: Sequence[str], label: str | None = None) -> list[Both]:
        """Return a system's scores in some tracks, of a label or of all."""
        rows = [self.scores[system][track] for track in tracks]
        return [both for row in rows for name, both in row.items() if label in (None, name)]


def interval(
    found: Found, tracks: Sequence[str], better: str, worse: str, metric: int
) -> tuple[float, float, float]:
    """Return the mean difference of two systems over sources, and its 95 % interval.

    The interval is that of the means of tracks drawn with replacement.
    """
    sums, counts = [], []
    for track in tracks:
        pairs = zip(found.values(better, [track]), found.values(worse, [track]), strict=True)
        differences = [one[metric] - other[metric] for one, other in pairs]
        finite = [value for value in differences if np.isfinite(value)]
        sums.append(sum(finite))
        counts.append(len(finite))
    drawn = np.random.default_rng(0).integers(len(tracks), size=(DRAWS, len(tracks)))
    total, number = np.array(sums, float), np.array(counts)
    means: NDArray[np.float64] = total[drawn].sum(axis=1) / np.maximum(number[drawn].sum(axis=1), 1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(total.sum() / max(number.sum(), 1)), float(low), float(high)


def report(
    title: str, found: Found, names: Sequence[str], models: Collection[str]
) -> dict[str, Any]:
    """Print the tables of a set, and return all that is known of it."""
    groups = _groups(found)
    means = {
        group: {name: _means(values(name)) for name in names} for group, values in groups.items()
    }
    counts = {group: len(values(CEILING)) for group, values in groups.items()}
    print(f"{len(found.tracks)} {title}, SDR / SI-SDR in dB, means over sources\n")
    rows = (
        [group, str(counts[group]), *(" / ".join(map(decibels, row[name])) for name in names)]
        for group, row in means.items()
    )
    table(["", "sources", *names], rows)
    about = {name: row for name in names if (row := _about(found, name, names, models))}
    longest = sorted(about.values(), key=len, reverse=True)
    kinds = list(dict.fromkeys(kind for row in longest for kind in row))
    if kinds:
        table(
            ["", *kinds],
            ([name, *(_cell(row.get(k)) for k in kinds)] for name, row in about.items()),
        )
    return {
        "sources": counts,
        "means": means,
        "about": about,
        "tracks": found.tracks,
        "scores": found.scores,
        "gains of swaps": found.swapped,
        "absent": found.absent,
    }


def _means(values: Sequence[Both]) -> Both:
    return mean(one for one, _ in values), mean(other for _, other in values)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:.2f} [{value[1]:.2f}, {value[2]:.2f}]"
    return "" if value is None else value if isinstance(value, str) else decibels(value)


Values = Callable[[str], list[Both]]


def _groups(found: Found) -> dict[str, Values]:
    """Return what is averaged: all, by the number of sources, by label, and not alone."""

    def some(tracks: Sequence[dict[str, Any]], label: str | None = None) -> Values:
        names = [track["name"] for track in tracks]
        return lambda system: found.values(system, names, label)

    alone = [track for track in found.tracks if not track["other"]]
    others = [track for track in found.tracks if track["other"]]
    groups = {"all": some(alone)} if alone else {}
    for count in sorted({len(track["labels"]) for track in alone}):
        groups[f"{count} sources"] = some([one for one in alone if len(one["labels"]) == count])
    for label in LABELS:
        if with_it := [track for track in alone if label in track["labels"]]:
            groups[label] = some(with_it, label)
    if others:
        groups["with another instrument in the room"] = some(others)
    return groups


def _about(
    found: Found, name: str, names: Sequence[str], models: Collection[str]
) -> dict[str, Any]:
    """Return what is known of a system beside its means."""
    row: dict[str, Any] = {}
    alone = found.named(other=False)
    if name in models and alone and FILTER in names:
        for index, metric in enumerate(("SDR", "SI-SDR")):
            bounds = interval(found, alone, name, FILTER, index)
            row[f"{metric} over the fixed filter [95 %]"] = bounds
    if gains := found.swapped.get(name):
        row["tracks better with labels swapped"] = _share(gain > 1e-6 for gain in gains.values())
        row["SDR that would gain"] = mean(gains.values())
    if levels := [level for _, level in found.absent.get(name, {}).values()]:
        row["absent instrument, mean dB of mixture"] = mean(levels)
        row["worst"] = max(levels)
        row[f"above {FAINT:.0f} dB"] = _share(level > FAINT for level in levels)
    for other, addition in ((False, ""), (True, ", with another")):
        tracks = found.named(other=other)
        scores = [one for one in found.engine.get(name, ()) if one.name in tracks]
        row |= {f"{key}{addition}": value for key, value in _windows(found, scores).items()}
    return row


def _windows(found: Found, scores: Sequence[TrackScores]) -> dict[str, float]:
    """Return the means over the windows of all stems but the rest, as of URMP are published."""
    stems = [
        one.sources[label].metrics() for one in scores for label in found.scores[CEILING][one.name]
    ]
    return {
        f"{metric} (v3)": describe(np.concatenate([stem[metric] for stem in stems])).mean
        for metric in ("SDR", "SIR", "SAR")
        if stems
    }


def _share(flags: Iterable[bool]) -> str:
    known = [*flags]
    return f"{sum(known)} of {len(known)}"
