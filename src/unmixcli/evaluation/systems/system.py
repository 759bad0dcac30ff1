"""What all systems have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unmixcli.datasets.collection import Dataset
from unmixcli.datasets.track import DatasetTrack
from unmixcli.evaluation.results import Kind

Signal = NDArray[np.float32]
"""(channels, samples)."""

Signals = dict[str, Signal]
"""By stem."""

Advance = Callable[[int, int | None], None]
"""Told how much is done, and of how much (``None`` where nobody knows)."""


class Scene:
    """A track that is being scored; each of its signals is read once.

    Args:
        track: The track.
    """

    def __init__(self, track: DatasetTrack) -> None:
        self.track = track
        self._read: Signals = {}

    def read(self, source: str) -> Signal:
        """Return a source, (channels, samples).

        Raises:
            DatasetError: It cannot be read.
        """
        if source not in self._read:
            self._read[source] = self.track.read(source).numpy()
        return self._read[source]


class Opened(Protocol):
    """A system that is ready to estimate."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What decides its numbers, as plain JSON values."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know of it."""
        ...

    def files(self, track: DatasetTrack) -> Sequence[Path]:
        """Return the files that its estimates of a track depend on, beside the track's own."""
        ...

    def stems(self, track: DatasetTrack) -> Sequence[str]:
        """Return what it has estimates of, in its own words.

        Raises:
            UnmixError: It has none of this track.
        """
        ...

    def estimate(
        self, scene: Scene, stems: Sequence[str], progress: Advance | None = None
    ) -> Signals:
        """Return estimates of some of those stems, at the rate and in the channels of the track.

        Raises:
            UnmixError: It cannot.
        """
        ...


class System(Protocol):
    """A description of what is to be scored; small, so that it can be sent to a process."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def kind(self) -> Kind:
        """What it is."""
        ...

    def open(self, dataset: Dataset, progress: Advance | None = None) -> Opened:
        """Make it ready.

        Args:
            dataset: What it will be scored on.
            progress: Told of a download's bytes.

        Raises:
            UnmixError: It is not to be had.
        """
        ...
