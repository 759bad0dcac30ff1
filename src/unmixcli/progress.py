"""How far a separation is, and how to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.track import Track
from unmixcli.errors import Cancelled

Progress = Callable[[int, int], None]
"""Called with samples done and samples in all, at the track's own rate."""


def reported(blocks: Iterator[Tensor], total: int, progress: Progress | None) -> Iterator[Tensor]:
    """Yield blocks, and tell of each after it was taken."""
    done = 0
    for block in blocks:
        yield block
        done += block.shape[-1]
        if progress:
            progress(done, total)


def cancellable(track: Track, cancel: Event | None) -> Track:
    """Return a track that stops giving blocks once ``cancel`` is set.

    Between two blocks a network may run for long: the engine looks at ``cancel``, too.
    """
    return _CancellableTrack(track, cancel) if cancel else track


@dataclass(frozen=True)
class _CancellableTrack:
    track: Track
    cancel: Event

    @property
    def format(self) -> AudioFormat:
        return self.track.format

    @property
    def frames(self) -> int:
        return self.track.frames

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        for block in self.track.blocks(frames):
            if self.cancel.is_set():
                raise Cancelled("cancelled")
            yield block
