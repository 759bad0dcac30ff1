"""What an evaluation gave: every score of every system, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from unmixcli.evaluation.options import Options
from unmixcli.evaluation.scores import TrackScores


class Kind(StrEnum):
    """What a system is."""

    MODEL = "model"
    ORACLE = "oracle"
    ESTIMATES = "estimates"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A track that a system could not be scored on.

    Attributes:
        system: Its name.
        track: Its name.
        error: One sentence.
        hint: What to do, or ``None``.
        exit_code: Of an error of that kind.
    """

    system: str
    track: str
    error: str
    hint: str | None
    exit_code: int


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackResult:
    """What a system scored on a track.

    Attributes:
        name: Of the track.
        split: Which split it is in; ``None`` where the data set has none.
        scores: Of its stems.
        audio: By stem, the file of the estimate; empty unless stems were kept.
    """

    name: str
    split: str | None
    scores: TrackScores
    audio: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class SystemResults:
    """What a system scored.

    Attributes:
        name: What tables call it; unique.
        kind: Of system.
        folder: Of its files, below that of the results.
        about: What decides its numbers, as plain JSON values: of a model its hashes,
            licence and seed; of estimates, where they are.
        tracks: Those that were scored, in the order of the data set.
        failures: Those that were not.
    """

    name: str
    kind: Kind
    folder: Path
    about: Mapping[str, Any]
    tracks: tuple[TrackResult, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def scores(self) -> tuple[TrackScores, ...]:
        """Scores of its tracks, as the aggregations take them."""
        return tuple(track.scores for track in self.tracks)


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What an evaluation gave.

    Attributes:
        folder: Of all files.
        dataset: The folder that was named.
        layout: How it was recognised, such as ``MUSDB18-HQ`` or ``URMP``.
        split: Which was asked for; ``None`` is all tracks.
        track_names: All tracks that were to be scored, in order.
        notes: What a reader should know of how the data set was read.
        options: How tracks were scored.
        settings: All that was chosen, as plain JSON values.
        systems: In the order in which they were named.
        audio: By track, the files of ``mixture`` and of each reference; empty unless stems
            were kept.
    """

    folder: Path
    dataset: Path
    layout: str
    split: str | None
    track_names: tuple[str, ...]
    notes: tuple[str, ...]
    options: Options
    settings: Mapping[str, Any]
    systems: tuple[SystemResults, ...]
    audio: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Those of all systems."""
        return tuple(failure for system in self.systems for failure in system.failures)

    @property
    def scored(self) -> int:
        """How many pairs of a system and a track have scores."""
        return sum(len(system.tracks) for system in self.systems)
