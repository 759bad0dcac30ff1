"""Which stretch of which track is the n-th example of an epoch.

A pure function of the seed, the epoch and the number of the example: no state but a
counter, so that a run goes on anywhere, and on any number of devices. Batch ``s`` of
``b`` examples is the examples ``s * b`` to ``s * b + b - 1``; each device takes its part.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from unmixcli.errors import DatasetError
from unmixcli.training.permutation import shuffled
from unmixcli.training.seeds import Purpose, drawn, generator
from unmixcli.training.settings import DataSettings

Voiced = Callable[[int], Sequence[tuple[int, int]]]
"""Returns the stretches of a track where a source sounds: first sample, one past the last."""

MOST_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a track, in samples at the network's rate.

    Attributes:
        track: Which track.
        start: First sample; what lies outside the track is silence.
    """

    track: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Where the examples of a data set lie.

    Attributes:
        lengths: Of every track, in samples at the network's rate.
        data: How examples are chosen.
        segment: Samples that the network predicts of an example.
        read: Samples that are read of it, with its context.
        seed: Everything follows from it.
        voiced: Where the voiced source sounds in a track.
        shuffle: Whether windows come in an order of their own in each epoch.
    """

    lengths: Sequence[int]
    data: DataSettings
    segment: int
    read: int
    seed: int
    voiced: Voiced | None = None
    shuffle: bool = True

    def __post_init__(self) -> None:
        if not self.lengths:
            raise DatasetError("there is no track to train on", hint="see docs/datasets.md")

    def steps(self, batch_size: int) -> int:
        """Return the batches of an epoch; one at least, of a small data set."""
        return self.data.steps_per_epoch or max(self._examples // batch_size, 1)

    def segment_of(self, epoch: int, index: int, attempt: int = 0) -> Segment:
        """Return where an example lies.

        Args:
            epoch: From 0.
            index: Number of the example within the epoch.
            attempt: How many stretches before this one could not be read.
        """
        if self.data.steps_per_epoch or attempt:
            return self._drawn(epoch, index, attempt)
        turn, place = divmod(index, self._examples)  # a batch may be larger than the data set
        if self.shuffle:
            order = drawn(self.seed, Purpose.ORDER, epoch, turn)
            place = shuffled(place, self._examples, order)
        window = place % self._windows[-1]
        track = bisect_right(self._windows, window)
        first = self._windows[track - 1] if track else 0
        return Segment(track, (window - first) * self._stride - self._lead)

    @property
    def _stride(self) -> int:
        return self.data.stride or self.segment

    @property
    def _lead(self) -> int:
        """Samples read before what is predicted: segments may begin in that much silence."""
        return (self.read - self.segment) // 2 if self.data.pad else 0

    @property
    def _examples(self) -> int:
        return self._windows[-1] * self.data.repeat

    @cached_property
    def _windows(self) -> list[int]:
        """Windows up to and with each track."""
        return list(accumulate(self._room(length) // self._stride + 1 for length in self.lengths))

    def _room(self, length: int) -> int:
        """Return how far after its first place a segment may begin."""
        return max(length + 2 * self._lead - self.read, 0)

    def _drawn(self, epoch: int, index: int, attempt: int) -> Segment:
        rng = generator(self.seed, Purpose.SEGMENT, epoch, index, attempt)
        for _ in range(MOST_DRAWS):
            track = int(rng.integers(len(self.lengths)))
            if self.voiced is None or rng.random() >= self.data.voiced_share:
                return self._anywhere(rng, track)
            # As published: of a voiced stretch that is too short, song and coin are drawn anew.
            stretches = self.voiced(track)
            if not stretches:
                continue
            start, stop = stretches[int(rng.integers(len(stretches)))]
            if stop - start >= self.read:
                return Segment(track, int(rng.integers(start, stop - self.read + 1)))
        return self._anywhere(rng, track)

    def _anywhere(self, rng: np.random.Generator, track: int) -> Segment:
        start = int(rng.integers(self._room(self.lengths[track]) + 1)) - self._lead
        return Segment(track, start)
