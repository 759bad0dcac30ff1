"""What can be heard: kept stems, for players and for a blind listening test."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from unmixcli.evaluation.report.tables import by_track
from unmixcli.evaluation.results import Results
from unmixcli.evaluation.scores import FrameScores, TrackScores

MIXTURE = "mixture"
SEED = 1
"""Of the order of candidates; ratings name it."""

_EXCERPT = 8.0
"""Seconds that are played at first, as long as those of the listening test of Demucs."""


@dataclass(frozen=True)
class Sound:
    """A file to listen to.

    Attributes:
        name: What it is: a system, or ``None`` for the reference.
        address: Relative to the page, fit for an attribute.
    """

    name: str | None
    address: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """A stem of a track, and all that can be heard of it.

    Attributes:
        track: Its name.
        source: Its name.
        mixture: Address of the mixture; ``None`` if it was not kept.
        sounds: The reference, if it was kept, and the estimates in the order of the systems.
        start: Where its excerpt begins, in seconds.
        end: Where it ends.
    """

    track: str
    source: str
    mixture: str | None
    sounds: tuple[Sound, ...]
    start: float
    end: float

    def blind(self) -> tuple[Sound, ...]:
        """Return the sounds in an order that tells nothing, always the same for an item."""
        shuffled = list(self.sounds)
        _lot("order", self.track, self.source).shuffle(shuffled)
        return tuple(shuffled)


def items(results: Results, folder: Path) -> list[Item]:
    """Return what was kept of the stems, in the order of the tracks.

    Args:
        results: What was scored.
        folder: Of the page.
    """
    scores = by_track(results)
    return [
        item
        for track in results.track_names
        for item in _of_track(
            results, [found[track] for found in scores.values() if track in found], track, folder
        )
    ]


def _of_track(
    results: Results, scores: Sequence[TrackScores], track: str, folder: Path
) -> Iterator[Item]:
    given = results.audio.get(track, {})
    estimates = {
        system.name: one.audio
        for system in results.systems
        for one in system.tracks
        if one.name == track
    }
    stems = dict.fromkeys(stem for audio in estimates.values() for stem in audio)
    for stem in stems:
        sounds = [Sound(None, _address(given[stem], folder))] if stem in given else []
        sounds += [
            Sound(name, _address(audio[stem], folder))
            for name, audio in estimates.items()
            if stem in audio
        ]
        start = _excerpt(scores, track, stem)
        yield Item(
            track=track,
            source=stem,
            mixture=_address(given[MIXTURE], folder) if MIXTURE in given else None,
            sounds=tuple(sounds),
            start=start,
            end=start + _EXCERPT,
        )


def _excerpt(scores: Sequence[TrackScores], track: str, stem: str) -> float:
    """Choose seconds in which the reference is rarely silent; where many are alike, by lot."""
    frames = next((one.sources[stem] for one in scores if stem in one.sources), None)
    if frames is None:
        return 0.0
    count = max(round((_EXCERPT - frames.window) / frames.hop) + 1, 1)
    return _fullest(frames, count, _lot("excerpt", track, stem)) * frames.hop


def _fullest(frames: FrameScores, count: int, lot: random.Random) -> int:
    """Return the first of ``count`` windows in a row of which the fewest are void."""
    heard = ~np.isnan(frames.sdr)
    if heard.size <= count:
        return 0
    sums = np.convolve(heard, np.ones(count), mode="valid").round()
    return int(lot.choice(np.flatnonzero(sums == sums.max()).tolist()))


def _lot(*names: str) -> random.Random:
    """Return chance that is the same for the same names, in every process."""
    return random.Random(os.fsencode("/".join((str(SEED), *names))))


def _address(path: Path, folder: Path) -> str:
    """Return a link from a page to a file; every character that could mean something is quoted."""
    try:
        relative = Path(os.path.relpath(path, folder))
    except ValueError:  # on another drive of Windows
        return path.absolute().as_uri()
    return quote(os.fsencode(relative.as_posix()))
