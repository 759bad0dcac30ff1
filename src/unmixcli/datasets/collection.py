"""A data set: tracks that are made when they are asked for, because there can be 10^5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import overload

from unmixcli.datasets.track import MIXTURE, DatasetTrack

Files = tuple[tuple[str, tuple[str, ...]], ...]
"""By source, in order, the names of its files in the folder of the track."""

_FIRST = ("drums", "bass", "other", "vocals")

STREAMS = {MIXTURE: 0, "drums": 1, "bass": 2, "other": 3, "vocals": 4}
"""Which stream of a ``.stem.mp4`` of MUSDB18 is what."""


class Layout(StrEnum):
    """How the files of a data set are arranged, by the name that a user reads."""

    MUSDB_HQ = "MUSDB18-HQ"
    MUSDB = "MUSDB18"
    URMP = "URMP"
    FOLDERS = "folders of stems"
    TRACK = "one folder of stems"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is known of a track from the names of its files; small, and shared where alike.

    Attributes:
        name: What the track is called.
        folder: Where its files are, relative to the data set; may be empty.
        files: Its sources.
        mixture: The file of its mixture.
        split: Which split it is in.
        streams: Whether its one file holds all of them.
        fault: Why it cannot be used.
    """

    name: str
    folder: str
    files: Files = ()
    mixture: str | None = None
    split: str | None = None
    streams: bool = False
    fault: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Its stems."""
        return tuple(source for source, _ in self.files)

    def track(self, root: Path) -> DatasetTrack:
        """Return the track itself."""
        folder = root / self.folder
        return DatasetTrack(
            name=self.name,
            stems={source: tuple(folder / name for name in names) for source, names in self.files},
            mixture=None if self.mixture is None else folder / self.mixture,
            split=self.split,
            streams=STREAMS if self.streams else {},
            fault=self.fault,
        )


class Tracks(Sequence[DatasetTrack]):
    """Tracks by number, made anew each time; takes 300 bytes of memory for each.

    Args:
        root: The folder that the listings are relative to.
        listings: What is known of them.
    """

    def __init__(self, root: Path, listings: Sequence[Listing]) -> None:
        self.root = root
        self.listings = tuple(listings)

    def __len__(self) -> int:
        return len(self.listings)

    @overload
    def __getitem__(self, index: int) -> DatasetTrack: ...
    @overload
    def __getitem__(self, index: slice) -> Tracks: ...
    def __getitem__(self, index: int | slice) -> DatasetTrack | Tracks:
        if isinstance(index, slice):
            return Tracks(self.root, self.listings[index])
        return self.listings[index].track(self.root)

    def __iter__(self) -> Iterator[DatasetTrack]:
        return (listing.track(self.root) for listing in self.listings)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Tracks with known stems.

    Attributes:
        path: The folder that was named.
        layout: How its files are arranged.
        tracks: What was chosen of it, sorted by name.
        notes: What a user should know of how it was read.
        estimates: The folder of estimates beside the references, where there is one.
    """

    path: Path
    layout: Layout
    tracks: Tracks
    notes: tuple[str, ...] = ()
    estimates: Path | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source of any track: drums, bass, other, vocals, and the rest by name."""
        return in_order({source for one in self.tracks.listings for source in one.sources})

    @property
    def splits(self) -> dict[str, int]:
        """How many tracks are in which split."""
        splits = [one.split for one in self.tracks.listings if one.split is not None]
        return {split: splits.count(split) for split in sorted(set(splits))}

    def __len__(self) -> int:
        return len(self.tracks)


def in_order(sources: Iterable[str]) -> tuple[str, ...]:
    """Return sources in the usual order: drums, bass, other, vocals, and the rest by name."""
    return tuple(
        sorted(
            sources,
            key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name),
        )
    )
