"""Between a track's rate and channels and a model's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from unmixcli.audio.channels import adapt, restore
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.resample import StreamingResampler


@dataclass(frozen=True, slots=True)
class Conversion:
    """What happens to samples on their way into a model, and out of it again.

    Attributes:
        track: Format of the track.
        model: Format that the model reads.
    """

    track: AudioFormat
    model: AudioFormat

    def length(self, frames: int) -> int:
        """Return how many samples at the model's rate so many of the track become."""
        return self._resampler(1, inward=True).length(frames)

    def inward(self, blocks: Iterable[Tensor], frames: int) -> Iterator[Tensor]:
        """Convert a mixture: channels, then rate.

        Args:
            blocks: Blocks of the track, (track's channels, any length).
            frames: Samples to yield in all, at the model's rate.
        """
        channels = self.track.channels if self.model.channels == 1 else self.model.channels
        adapted = (adapt(block, self.model.channels) for block in blocks)
        return self._resampler(channels, inward=True).stream(adapted, frames)

    def outward(self, estimates: Iterable[Tensor], stems: int, frames: int) -> Iterator[Tensor]:
        """Convert estimates: channels, then rate.

        Args:
            estimates: Blocks, (stems, model's channels, any length).
            stems: How many there are.
            frames: Samples to yield in all, at the track's rate.
        """
        channels = self.track.channels
        rows = (restore(block, channels).flatten(0, 1) for block in estimates)
        for block in self._resampler(stems * channels, inward=False).stream(rows, frames):
            yield block.reshape(stems, channels, -1)

    def _resampler(self, rows: int, *, inward: bool) -> StreamingResampler:
        rates = self.track.sample_rate, self.model.sample_rate
        return StreamingResampler(*(rates if inward else rates[::-1]), rows)
