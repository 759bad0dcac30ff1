"""One example: the stems of a stretch of a track, as the network is to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Tensor

from unmixcli.audio.conversion import Conversion
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.level import Level, measure
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import DatasetError
from unmixcli.training import window
from unmixcli.training.sampler import Sampler, Segment


@dataclass(frozen=True, kw_only=True)
class Example:
    """What is read of one stretch.

    Attributes:
        name: The track, for who looks for what went wrong.
        stems: (sources, channels, samples).
        mixture: The track's own, (channels, samples); ``None`` where it is to be summed.
        labels: Which sources the track has, (labels,); none for a network that is not told.
        failures: What could not be read before it, and why.
    """

    name: str
    stems: Tensor
    mixture: Tensor | None
    labels: Tensor
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads examples of a data set; may be asked by several threads at once.

    Attributes:
        tracks: The data set.
        sampler: Where its examples lie.
        sources: What is separated, in order.
        labels: What the network is told of; may be empty.
        format: Rate and channels of the network.
        frames: Samples of an example.
        own_mixture: Whether the tracks' own mixtures are read, too.
        normalise: Whether each track is brought to zero mean and unit deviation.
    """

    tracks: Sequence[DatasetTrack]
    sampler: Sampler
    sources: tuple[str, ...]
    labels: tuple[str, ...]
    format: AudioFormat
    frames: int
    own_mixture: bool
    normalise: bool
    _levels: dict[int, Level] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def example(self, epoch: int, index: int) -> Example:
        """Read an example; one that cannot be read gives way to another, drawn anew.

        Raises:
            DatasetError: None of several could be read.
        """
        failures: list[str] = []
        for attempt in range(MOST_ATTEMPTS):
            segment = self.sampler.segment_of(epoch, index, attempt)
            try:
                return self._read(segment, tuple(failures))
            except DatasetError as error:
                failures.append(str(error))
        raise DatasetError(
            f"{MOST_ATTEMPTS} stretches in a row cannot be read, the last: {failures[-1]}",
            hint="see that the data set is still there, and whole",
        )

    def _read(self, segment: Segment, failures: tuple[str, ...]) -> Example:
        track = self.tracks[segment.track]
        names = (*self.sources, MIXTURE) if self.own_mixture else self.sources
        held = window.read(track, names, self.format, segment.start, self.frames)
        if self.normalise:
            level = self._level(segment.track)
            held = (held - level.mean) / (level.deviation or 1.0)
        return Example(
            name=track.name,
            stems=held[: len(self.sources)],
            mixture=held[-1] if self.own_mixture else None,
            labels=labels_of(track, self.labels),
            failures=failures,
        )

    def _level(self, number: int) -> Level:
        """Return the level of a track's mixture, as ``separate`` measures it; once for each."""
        with self._lock:
            known = self._levels.get(number)
        if known is None:
            opened = self.tracks[number].open()
            conversion = Conversion(opened.format, self.format)
            total = conversion.length(opened.frames)
            known = measure(conversion.inward(opened.blocks(), total))
            with self._lock:
                self._levels[number] = known
        return known


MOST_ATTEMPTS = 20


def labels_of(track: DatasetTrack, labels: Sequence[str]) -> Tensor:
    """Return which of the labels a track has a stem for: 1 or 0 each."""
    return torch.tensor([float(track.has(label)) for label in labels])
