"""The files that a signal is made of, added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.format import AudioFormat
from unmixcli.audio.multistream import StreamReader
from unmixcli.audio.reader import AudioReader
from unmixcli.audio.track import Track
from unmixcli.audio.window import cut_window, extended, inside, read_window
from unmixcli.errors import AudioError, DatasetError


@dataclass(frozen=True, slots=True)
class Part:
    """A file that a signal is made of.

    Attributes:
        path: The file.
        stream: Which of its audio streams; ``None`` is the only one.
        sign: 1 to add it, -1 to take it away.
    """

    path: Path
    stream: int | None = None
    sign: int = 1

    def open(self) -> Track:
        """Open it, as a track that is read from its start.

        Raises:
            AudioError: It cannot be read.
        """
        if self.stream is None:
            return AudioReader(self.path)
        return StreamReader(self.path, self.stream)

    def read(self, start: int, frames: int) -> Tensor:
        """Return a window of the file, with zeros beyond its ends.

        Raises:
            AudioError: It cannot be read.
        """
        if self.stream is None:
            return read_window(self.path, start, frames)
        return cut_window(self.open(), start, frames)


@dataclass(frozen=True, slots=True)
class PartsTrack:
    """A signal made of files, as a track; the files are opened anew for each reading.

    Attributes:
        name: The track it is of, for errors.
        parts: What it is made of.
        format: Rate and channels of each.
        frames: Samples per channel; what a file has beyond them is left out.
    """

    name: str
    parts: Sequence[Part]
    format: AudioFormat
    frames: int

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield it from its start, (channels, at most ``frames``), float32.

        Raises:
            DatasetError: A file cannot be read to its end.
        """
        missing = self.frames
        with named(self.name):
            streams = [part.open().blocks(frames) for part in self.parts]
            # To their very end, where a reader looks whether there is more than was said.
            for signals in zip(*streams, strict=False):
                block = total(signals, self.parts)[..., :missing]
                missing -= block.shape[-1]
                if block.shape[-1]:
                    yield block
        if missing:
            raise DatasetError(
                f"track '{self.name}' changed while it was read", hint="run it again"
            )

    def read(self, start: int, frames: int) -> Tensor:
        """Return a window, (channels, frames), float32, with zeros beyond its ends.

        Raises:
            DatasetError: A file cannot be read there.
        """
        first, stop = inside(start, frames, self.frames)
        if first >= stop:
            return torch.zeros(self.format.channels, frames)
        with named(self.name):
            windows = [part.read(first, stop - first) for part in self.parts]
        return extended(total(windows, self.parts), first - start, frames)


def total(signals: Sequence[Tensor], parts: Sequence[Part]) -> Tensor:
    """Return the sum of the signals of parts, each with its sign."""
    shortest = min(signal.shape[-1] for signal in signals)
    summed = signals[0][..., :shortest] * parts[0].sign
    for signal, part in zip(signals[1:], parts[1:], strict=True):
        summed = summed + signal[..., :shortest] * part.sign
    return summed


@contextmanager
def named(track: str) -> Iterator[None]:
    """Say which track it is that cannot be read."""
    try:
        yield
    except AudioError as error:
        raise DatasetError(f"track '{track}': {error}", hint=error.hint) from error
