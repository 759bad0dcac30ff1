"""The tracks of a training: which are learnt from, and which judge."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import overload

from unmixcli.datasets.collection import Dataset, in_order
from unmixcli.datasets.index import DatasetIndex
from unmixcli.datasets.layouts import open_dataset
from unmixcli.datasets.splits import TRAIN, VALID, drawn
from unmixcli.datasets.track import ACCOMPANIMENT, VOCALS, DatasetTrack
from unmixcli.errors import DatasetError
from unmixcli.training.settings import DataSettings

Progress = Callable[[int, int], None]

HELD = 256
"""Tracks whose headers are kept from one read to the next."""

DRAWN = 25
"""Tracks that Wave-U-Net and the Wavenet validate on, of 100."""


class Corpus(Sequence[DatasetTrack]):
    """Tracks of several data sets, one after the other, without those that are unusable.

    Args:
        indices: What is known of them.
        chosen: Of each, the numbers of its tracks that are meant.
    """

    def __init__(self, indices: Sequence[DatasetIndex], chosen: Sequence[Sequence[int]]) -> None:
        self.indices = indices
        self.chosen = chosen
        self._ends = list(accumulate(len(numbers) for numbers in chosen))
        self._lock = Lock()
        self._track = lru_cache(HELD)(self._made)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> DatasetTrack: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DatasetTrack]: ...
    def __getitem__(self, index: int | slice) -> DatasetTrack | Sequence[DatasetTrack]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._track(index)

    def __iter__(self) -> Iterator[DatasetTrack]:
        return (self[number] for number in range(len(self)))

    def place(self, number: int) -> tuple[DatasetIndex, int]:
        """Return which data set's track one is, and its number there."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        which = bisect_right(self._ends, number)
        before = self._ends[which - 1] if which else 0
        return self.indices[which], int(self.chosen[which][number - before])

    def _made(self, number: int) -> DatasetTrack:
        index, place = self.place(number)
        return index.dataset.tracks[place]

    def length(self, number: int, rate: int) -> int:
        """Return the samples of a track at a rate in Hz."""
        index, place = self.place(number)
        return int(-(-index.frames[place] * rate // index.rates[place]))

    def lengths(self, rate: int) -> list[int]:
        """Return the samples of every track at a rate in Hz."""
        return [self.length(number, rate) for number in range(len(self))]

    def voiced(self, number: int, rate: int, data: DataSettings) -> list[tuple[int, int]]:
        """Return where the voiced source of a track sounds, in samples at a rate in Hz."""
        index, place = self.place(number)
        with self._lock:  # the index reads from one file
            facts = index[place]
        levels = facts.levels.get(data.voiced_source)
        if levels is None:
            return []
        there = facts.format.sample_rate
        scaled = levels.active(data.voiced_threshold) * rate // there
        return [(int(start), int(stop)) for start, stop in scaled]

    def fingerprint(self) -> str:
        """Return what is another for other tracks, or other lengths of them."""
        found = hashlib.sha256()
        for index, numbers in zip(self.indices, self.chosen, strict=True):
            for number in numbers:
                listing = index.dataset.tracks.listings[number]
                said = f"{listing.name}\0{listing.files}\0{index.frames[number]}\0"
                found.update(f"{said}{index.rates[number]}\n".encode(errors="surrogateescape"))
        return found.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is trained with.

    Attributes:
        train: Tracks to learn from.
        valid: Tracks to judge by; may be none.
        sources: Every source of any of them.
        notes: What a user should know.
    """

    train: Corpus
    valid: Corpus
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    def available(self) -> set[str]:
        """Return what can be asked for: the sources, and what they add up to."""
        derived = {ACCOMPANIMENT} if VOCALS in self.sources else set()
        return {*self.sources, *derived}


def collect(
    dataset: Path,
    extra: Sequence[Path],
    *,
    split: str,
    folder: Path,
    levels: bool,
    progress: Progress | None = None,
) -> Material:
    """Find the tracks of a training.

    Args:
        dataset: Its data set: ``train`` to learn from and ``valid`` to judge by, where it is
            divided; all to learn from, where not.
        extra: Others, only to learn from.
        split: Which tracks judge, as a recipe says.
        folder: Where indices are kept.
        levels: Whether the tracks' levels are needed, and so all of them read once.
        progress: Told of every track.

    Raises:
        DatasetError: There is no such folder, or no track in it that can be used.
    """
    notes: list[str] = []
    indices = []
    for path in (dataset, *extra):
        index = DatasetIndex(
            open_dataset(path, split=None), folder, levels=levels, progress=progress
        )
        notes += [*index.dataset.notes, *index.notes, *_unusable(index)]
        indices.append(index)
    judging = _judges(indices[0].dataset, split)
    apart = [judging, *(_judges(index.dataset, "none") for index in indices[1:])]
    chosen = [
        _usable(index, _learning(index.dataset, others))
        for index, others in zip(indices, apart, strict=True)
    ]
    train = Corpus(indices, chosen)
    if not len(train):
        raise DatasetError(
            f"'{dataset}' has no track to train on",
            hint="'train/' holds those of a data set that is divided; see docs/training.md",
        )
    valid = Corpus(indices[:1], [_usable(indices[0], sorted(judging))])
    sources = {source for index in indices for source in index.dataset.sources}
    return Material(train=train, valid=valid, sources=in_order(sources), notes=tuple(notes))


def _judges(dataset: Dataset, split: str) -> set[int]:
    """Return the numbers of the tracks that are for validation."""
    listings = dataset.tracks.listings
    if split == "wave-u-net":
        names = [one.name for one in listings if one.split in (TRAIN, VALID, None)]
        wanted = drawn(names, min(DRAWN, len(names) // 4))
        return {n for n, one in enumerate(listings) if one.name in wanted and one.split != "test"}
    return {number for number, one in enumerate(listings) if one.split == VALID}


def _learning(dataset: Dataset, judging: set[int]) -> list[int]:
    """Return the numbers of the tracks to learn from."""
    divided = bool(dataset.splits)
    return [
        number
        for number, one in enumerate(dataset.tracks.listings)
        if number not in judging and (one.split in (TRAIN, VALID) or not divided)
    ]


def _usable(index: DatasetIndex, numbers: Sequence[int]) -> list[int]:
    return [number for number in numbers if number not in index.problems]


def _unusable(index: DatasetIndex) -> list[str]:
    """Say which tracks are left out, and why; of many, the first."""
    problems = [*index.problems.values()]
    said = [f"left out: {problem}" for problem in problems[:5]]
    return [*said, *([f"and {len(problems) - 5} more tracks"] if len(problems) > 5 else [])]
