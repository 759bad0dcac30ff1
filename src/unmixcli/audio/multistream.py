"""Files that hold several tracks at once: the ``.stem.mp4`` of MUSDB18.

libsndfile does not read MP4; PyAV does, where it is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmixcli.audio.blocks import BLOCK, rechunk
from unmixcli.audio.decoding.opening import open_regular
from unmixcli.audio.finite import require_finite
from unmixcli.audio.format import MOST_CHANNELS, RATES, AudioFormat
from unmixcli.errors import AudioError

_SCALE = 32768.0


def available() -> bool:
    """Say whether there is a decoder for such files."""
    return find_spec("av") is not None


class StreamReader:
    """One audio stream of a file, as a track that is read from its start.

    Samples are rounded to 16 bits: that is what the field's published scores of MUSDB18
    were computed on, and distortion filters are ill-posed on anything finer of a lossy file.

    Args:
        path: An MP4 file.
        stream: Which of its audio streams, from 0.

    Attributes:
        path: The file.
        format: Rate and channels of the stream.
        frames: Its samples per channel, as its header says.

    Raises:
        AudioError: There is no decoder, the file cannot be read, or has no such stream.
    """

    def __init__(self, path: Path, stream: int) -> None:
        self.path = path
        self._stream = stream
        with self._opened() as (_, found):
            self.format = self._accept(found)
            length = Fraction(found.duration or 0) * found.time_base * found.rate
        self.frames = round(length)
        if self.frames < 1:
            raise AudioError(f"'{path}' does not say how long its stream {stream} is")

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield the stream from its start, (channels, frames), float32.

        Raises:
            AudioError: The file is damaged, or shorter than its header says.
        """
        position = 0
        for block in rechunk(self._cut(), frames):
            require_finite(self.path, block, position, self.format.sample_rate)
            position += block.shape[-1]
            yield block
        if position < self.frames:
            raise AudioError(
                f"'{self.path}' is truncated: {position} of {self.frames} frames",
                hint="get the file again",
            )

    def _cut(self) -> Iterator[Tensor]:
        """Yield what is decoded up to the length that the header says: the rest is padding."""
        missing = self.frames
        with self._opened() as (container, stream):
            for frame in container.decode(stream):
                samples = torch.from_numpy(_sixteen_bits(frame, self.format.channels))
                yield samples[:, :missing]
                missing -= min(samples.shape[-1], missing)
                if not missing:
                    return

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        if not available():
            raise no_decoder(f"'{self.path}'")
        # Optional, and slow to import.
        import av  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        with os.fdopen(open_regular(self.path), "rb") as file:
            try:
                # A file object and a format: no name in it can lead to another file.
                with av.open(file, format="mov") as container:
                    streams = container.streams.audio
                    if self._stream >= len(streams):
                        raise AudioError(
                            f"'{self.path}' holds {len(streams)} audio streams, "
                            f"and none of number {self._stream}"
                        )
                    yield container, streams[self._stream]
            except (av.error.FFmpegError, OSError) as error:
                raise AudioError(
                    f"cannot decode '{self.path}': {(error.strerror or str(error)).lower()}",
                    hint="get the file again",
                ) from error

    def _accept(self, stream: Any) -> AudioFormat:
        if stream.rate not in RATES or not 1 <= stream.channels <= MOST_CHANNELS:
            raise AudioError(f"'{self.path}': {stream.channels} channels at {stream.rate} Hz")
        return AudioFormat(stream.rate, stream.channels)


def no_decoder(what: str) -> AudioError:
    """Say that MP4 cannot be read here."""
    return AudioError(
        f"{what} needs a decoder for MP4, and PyAV is not installed",
        hint="type 'pip install av', or convert the streams to WAV with ffmpeg",
    )


def _sixteen_bits(frame: Any, channels: int) -> NDArray[np.float32]:
    """Return a decoded frame, (channels, samples), rounded to 16-bit steps."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    steps = samples.astype(np.float32)
    if samples.dtype != np.int16:
        steps = np.clip(np.rint(steps * np.float32(_SCALE)), -_SCALE, _SCALE - 1)
    return np.asarray(steps, np.float32) / np.float32(_SCALE)
