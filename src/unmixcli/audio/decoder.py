"""One pass over a file through libsndfile, with the quirks of its decoders smoothed out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from unmixcli.audio.decoding.mp3 import PrefixedFile, silenced
from unmixcli.audio.decoding.sniff import Container


class DecodeError(Exception):
    """The decoder gave up; the message is its reason."""


class Decoder:
    """An open file; a context manager.

    Args:
        file: What to decode; stays open.
        container: What it is.
        prefix: Bytes to put before it: the header that some MP3s lack.
        start: Where the music begins, for a file with a prefix.

    Raises:
        DecodeError: libsndfile cannot open it.
    """

    def __init__(
        self, file: BufferedReader, container: Container, prefix: bytes = b"", start: int = 0
    ) -> None:
        self._file = file
        self._container = container
        self._source = PrefixedFile(prefix, file, start) if prefix else None
        with self._calling():
            self._sound = soundfile.SoundFile(self._source or file.fileno(), closefd=False)
        self.frames: int = self._sound.frames
        self.sample_rate: int = self._sound.samplerate
        self.channels: int = self._sound.channels
        self.subtype: str = self._sound.subtype

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sound.close()

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to so many samples, (samples, channels).

        Raises:
            DecodeError: The file is damaged there.
        """
        with self._calling():
            samples: NDArray[np.float32] = self._sound.read(frames, dtype="float32", always_2d=True)
        return samples

    def seek(self, frame: int) -> None:
        """Go to a sample.

        Raises:
            DecodeError: The file is damaged there.
        """
        with self._calling():
            self._sound.seek(frame)

    def unread(self) -> int:
        """Return the bytes that the decoder has not asked for."""
        descriptor = self._file.fileno()
        return os.fstat(descriptor).st_size - os.lseek(descriptor, 0, os.SEEK_CUR)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Wrap a call into libsndfile, which cannot pass on what our own file raised."""
        try:
            with silenced() if self._container is Container.MP3 else nullcontext():
                yield
        except soundfile.LibsndfileError as error:
            self._raise_pending()
            raise DecodeError(error.error_string.rstrip(".").lower()) from error
        self._raise_pending()

    def _raise_pending(self) -> None:
        failure = self._source.failure if self._source else None
        if isinstance(failure, OSError):
            raise DecodeError((failure.strerror or str(failure)).lower()) from failure
        if failure is not None:
            raise failure
