"""Sample-rate conversion of a stream, exact in length and in time.

The filter is libsoxr's VHQ recipe: linear phase with its delay compensated, and the same
bytes whether the signal comes in one piece or in many. ``benchmarks/resamplers.py``
compares it with blockwise ``torchaudio.functional.resample``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
import torch
from torch import Tensor

from unmixcli.audio.blocks import BLOCK, rechunk

QUALITY = "VHQ"


class StreamingResampler:
    """Converts streams of one rate to another; holds no state between streams.

    Args:
        from_rate: Rate of what comes in, in Hz.
        to_rate: Rate wanted, in Hz.
        channels: Rows of each block; for estimates, sources times channels.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self.from_rate = from_rate
        self.to_rate = to_rate
        self.channels = channels

    def length(self, frames: int) -> int:
        """Return how many samples ``frames`` of them become: the ceiling of the ratio."""
        return -(-frames * self.to_rate // self.from_rate)

    def stream(self, blocks: Iterable[Tensor], frames_out: int | None = None) -> Iterator[Tensor]:
        """Yield the stream at the other rate, without delay.

        All of ``blocks`` is consumed even if fewer samples are wanted, so that whatever
        checks the end of the stream gets to see it.

        Args:
            blocks: Consecutive blocks, (channels, any length), float32.
            frames_out: Samples wanted in all, cut or filled up with what follows the end
                (silence); ``None`` means :meth:`length` of what came in.

        Yields:
            Consecutive blocks, (channels, any length above 0), float32.
        """
        if self.from_rate == self.to_rate:
            converted = self._pass(blocks, frames_out)
        else:
            converted = self._convert(blocks, frames_out)
        return converted

    def _pass(self, blocks: Iterable[Tensor], frames_out: int | None) -> Iterator[Tensor]:
        """Hand on the very same tensors, cut or filled up to ``frames_out``."""
        sent = 0
        for block in blocks:
            room = block.shape[-1] if frames_out is None else frames_out - sent
            if kept := min(room, block.shape[-1]):
                yield block if kept == block.shape[-1] else block[..., :kept]
            sent += kept
        for missing in _cut((frames_out or 0) - sent, BLOCK):
            yield torch.zeros(self.channels, missing)

    def _convert(self, blocks: Iterable[Tensor], frames_out: int | None) -> Iterator[Tensor]:
        sent = 0
        received = 0
        state = soxr.ResampleStream(self.from_rate, self.to_rate, self.channels, quality=QUALITY)
        # Fixed blocks: bytes never depend on the caller's, and a steep ratio stays small.
        frames = min(BLOCK, max(1, BLOCK * self.from_rate // self.to_rate))
        for block in rechunk(blocks, frames):
            received += block.shape[-1]
            part = _process(state, block, last=False)
            if frames_out is not None:
                part = part[:, : max(frames_out - sent, 0)]
            sent += part.shape[-1]
            if part.shape[-1]:
                yield part
        wanted = self.length(received) if frames_out is None else frames_out
        for block in self._ending(received, wanted, frames):
            part = _process(state, block, last=block.shape[-1] == 0)[:, : wanted - sent]
            sent += part.shape[-1]
            if part.shape[-1]:
                yield part

    def _ending(self, received: int, wanted: int, frames: int) -> Iterator[Tensor]:
        """Yield the silence after the stream, then an empty block that flushes the filter.

        libsoxr rounds the length where we round it up, so one sample may be missing: the
        silence is long enough that what is flushed covers ``wanted``.
        """
        needed = -(-wanted * self.from_rate // self.to_rate) + 1
        for length in _cut(needed - received, frames):
            yield torch.zeros(self.channels, length)
        yield torch.zeros(self.channels, 0)


def _process(state: soxr.ResampleStream, block: Tensor, *, last: bool) -> Tensor:
    """Push (channels, n) through libsoxr, which wants (n, channels)."""
    samples = np.ascontiguousarray(block.numpy().T, dtype=np.float32)
    return torch.from_numpy(np.ascontiguousarray(state.resample_chunk(samples, last=last).T))


def _cut(total: int, frames: int) -> Iterator[int]:
    while total > 0:
        yield min(total, frames)
        total -= frames
