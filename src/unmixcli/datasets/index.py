"""Lengths and levels of every track of a data set: measured once, and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmixcli.audio.format import AudioFormat
from unmixcli.audio.naming import shorten
from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.index_file import VERSION, IndexFile
from unmixcli.datasets.levels import Levels, cell_of, measure
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import DatasetError, UnmixError

Progress = Callable[[int, int], None]
"""Told of how many tracks are done, of how many."""

_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class TrackFacts:
    """What is known of a track.

    Attributes:
        format: Its rate and channels.
        frames: Its samples per channel.
        levels: Of each stem, and of the mixture where that is a file of its own; empty if
            they were not asked for.
        notes: What was cut to make its files agree.
    """

    format: AudioFormat
    frames: int
    levels: Mapping[str, Levels] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class DatasetIndex:
    """What is known of the tracks of a data set, by their number.

    Only lengths and rates are held in memory, 16 bytes a track; the rest is read from the
    file when it is asked for. May be pickled, and used by the workers of a loader.

    Args:
        dataset: The data set; nothing is written in its folder.
        folder: Where indices are kept.
        levels: Measure levels too, which reads every sample once.
        progress: Told of every track.

    Attributes:
        frames: Samples per channel of each track, (tracks,), int64; 0 where it is unusable.
        rates: Their sample rates in Hz, (tracks,), int64; 0 where it is unusable.
        problems: Of unusable tracks, by their number, why.
        notes: What a user should know.
    """

    def __init__(
        self,
        dataset: Dataset,
        folder: Path,
        *,
        levels: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.dataset = dataset
        self.frames: NDArray[np.int64] = np.zeros(len(dataset), np.int64)
        self.rates: NDArray[np.int64] = np.zeros(len(dataset), np.int64)
        self.problems: dict[int, UnmixError] = {}
        self._levels = levels
        self._file = IndexFile(folder / index_name(dataset.path))
        stale = 0
        for number, track in enumerate(dataset.tracks):
            stale += self._include(number, track)
            if progress is not None:
                progress(number + 1, len(dataset))
        changed = [f"{stale} tracks changed since they were indexed, and are read anew"]
        self.notes = (*self._file.notes, *(changed if stale else []))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> TrackFacts:
        """Return what is known of a track.

        Raises:
            DatasetError: It is unusable.
        """
        if number in self.problems:
            raise self.problems[number]
        track = self.dataset.tracks[number]
        signature = self._signature(track)
        # It may be gone from the file meanwhile: then it is measured again.
        row = self._file.get(_key(track), signature)
        return self._known(row) or self._measured(track, signature)

    @property
    def usable(self) -> NDArray[np.int64]:
        """Numbers of the tracks that can be used, (tracks,)."""
        return np.flatnonzero(self.frames)

    def _include(self, number: int, track: DatasetTrack) -> bool:
        """Note the length of a track; return whether what was known of it had changed."""
        try:
            signature = self._signature(track)
            row = self._file.get(_key(track), signature)
            stale = row is None and self._file.knows(_key(track))
            facts = self._known(row) or self._measured(track, signature)
        except DatasetError as error:
            self.problems[number] = error
            return False
        self.frames[number], self.rates[number] = facts.frames, facts.format.sample_rate
        return stale

    def _signature(self, track: DatasetTrack) -> str:
        """Return what changes whenever a file of a track does."""
        lines = [f"{VERSION}"]
        for source in (MIXTURE, *track.stems):
            for part in track.parts(source):
                try:
                    status = part.path.stat()
                except OSError as error:
                    reason = (error.strerror or str(error)).lower()
                    raise DatasetError(
                        f"track '{track.name}': cannot open '{part.path}': {reason}"
                    ) from error
                place = f"{source} {part.path} {part.stream} {part.sign}"
                lines.append(f"{place} {status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()

    def _known(self, row: tuple[str, bytes] | None) -> TrackFacts | None:
        """Return the facts of a row; ``None`` where levels are wanted and it has none."""
        facts = row and _decoded(*row)
        return facts if facts and (facts.levels or not self._levels) else None

    def _measured(self, track: DatasetTrack, signature: str) -> TrackFacts:
        agreement = track.agreement
        levels = {}
        for source in _own_files(track) if self._levels else ():
            blocks = track.open(source).blocks()
            levels[source] = measure(blocks, agreement.format.sample_rate)
        facts = TrackFacts(
            format=agreement.format,
            frames=agreement.frames,
            levels=levels,
            notes=agreement.notes,
        )
        self._file.put(_key(track), signature, *_encoded(facts))
        return facts


def index_name(path: Path) -> str:
    """Return the name of the index of a data set: of its folder, wherever it is seen from."""
    whole = path.resolve()
    mark = hashlib.sha256(str(whole).encode(errors="surrogateescape")).hexdigest()[:16]
    return f"{shorten(whole.name.lstrip('.') or 'dataset', _LONGEST_NAME)}-{mark}.sqlite"


def _key(track: DatasetTrack) -> str:
    """Return what a track is kept under; SQLite takes no text with bytes that are not UTF-8."""
    return f"{track.split or ''}/{track.name}".encode(errors="surrogateescape").decode(
        errors="backslashreplace"
    )


def _own_files(track: DatasetTrack) -> Sequence[str]:
    return (*(() if track.mixture is None else (MIXTURE,)), *track.stems)


def _encoded(facts: TrackFacts) -> tuple[str, bytes]:
    """Return facts as JSON, and the grids of all levels one after the other."""
    said = {
        "rate": facts.format.sample_rate,
        "channels": facts.format.channels,
        "frames": facts.frames,
        "notes": facts.notes,
        "levels": [
            {"source": source, "rms": level.rms, "peak": level.peak, "cells": len(level.grid)}
            for source, level in facts.levels.items()
        ],
    }
    grids = b"".join(level.grid.astype("<f2").tobytes() for level in facts.levels.values())
    return json.dumps(said), grids


def _decoded(text: str, grids: bytes) -> TrackFacts:
    said = json.loads(text)
    values = np.frombuffer(grids, "<f2").astype(np.float16)
    cell, position = cell_of(said["rate"]), 0
    levels = {}
    for level in said["levels"]:
        end = position + level["cells"]
        levels[level["source"]] = Levels(level["rms"], level["peak"], cell, values[position:end])
        position = end
    return TrackFacts(
        format=AudioFormat(said["rate"], said["channels"]),
        frames=said["frames"],
        levels=levels,
        notes=tuple(said["notes"]),
    )
