"""Samples out of a file, block by block, and never fewer than it promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from unmixcli.audio.blocks import BLOCK
from unmixcli.audio.decoder import DecodeError, Decoder
from unmixcli.audio.decoding import completeness
from unmixcli.audio.decoding.mp3 import find_frame, length_header
from unmixcli.audio.decoding.opening import identity, open_regular
from unmixcli.audio.decoding.sniff import Container, skip_id3, sniff
from unmixcli.audio.finite import require_finite
from unmixcli.audio.format import MOST_CHANNELS, RATES, AudioFormat
from unmixcli.errors import AudioError, UsageError

_SUBTYPES = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
    | {"MS_ADPCM", "IMA_ADPCM", "VORBIS", "OPUS"}
    | {"MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}
)
"""Encodings in common use; libsndfile's others are rarely tested, and often attacked."""

_LONGEST = 1e9
"""Seconds; a longer window is a mistake, and would overflow."""

_INEXACT_SEEK = (Container.MP3, Container.OGG)
"""Where libsndfile's seek gives other samples than reading from the start."""

_READ_AHEAD = 65_536
"""Bytes at the end that need not be music: tags, and what a decoder had no need to read."""

_GET_AGAIN = "get the file again, or convert it to FLAC and listen to the result"


class AudioReader:
    """Reads a track; a context manager.

    The file is opened anew for each pass, so passes may be repeated and interleaved.

    Args:
        path: The track. Its content says what it is, its name nothing.
        start: Where to begin, in seconds.
        duration: How much to read, in seconds; ``None`` reads to the end.

    Attributes:
        path: The track.
        format: Its rate and channels.
        frames: Samples per channel in the window.

    Raises:
        AudioError: The file cannot be read, is not audio, holds no samples, or fewer than
            its header says within the window.
        UsageError: The window is not a stretch of time.
    """

    def __init__(self, path: Path, *, start: float = 0.0, duration: float | None = None) -> None:
        self.path = path
        self._passes: set[ExitStack] = set()
        self._prefix, self._music = b"", 0  # of an MP3: the header it lacks, and where it starts
        extent, ended = self._inspect()
        with self._decoder() as decoder:
            self.format = self._accept(decoder)
            present = decoder.frames
        if extent and extent.wrapped:
            raise AudioError(
                f"'{path}' is larger than its WAV header can say",
                hint="convert it to RF64 or FLAC",
            )
        declared = extent.frames(present) if extent else present
        if declared == 0 and ended:
            raise AudioError(f"'{path}' holds no audio samples", hint=_GET_AGAIN)
        self._first, self._stop = self._window(start, duration, declared if ended else None)
        if self._stop > present:
            raise self._truncated(present, declared if ended else None)
        self.frames = self._stop - self._first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for unfinished in list(self._passes):
            unfinished.close()

    def blocks(self, frames: int = BLOCK) -> Iterator[Tensor]:
        """Yield the window from its start, in consecutive blocks.

        Args:
            frames: Samples per block; the last one is shorter.

        Yields:
            Samples, (channels, frames), float32; integers scaled to [-1, 1), floats as
            they are.

        Raises:
            AudioError: The file is damaged, changed since it was opened, or holds NaN or
                an infinity.
        """
        with ExitStack() as handles:
            self._passes.add(handles)
            handles.callback(self._passes.discard, handles)
            decoder = handles.enter_context(self._decoder())
            self._skip(decoder, frames)
            for position in range(self._first, self._stop, frames):
                wanted = min(frames, self._stop - position)
                block = self._read(decoder, wanted, position)
                require_finite(self.path, block, position, self.format.sample_rate)
                yield block
            if self._stop == decoder.frames:
                self._require_end(decoder)

    def _inspect(self) -> tuple[completeness.Extent | None, bool]:
        """Look at the bytes: what the file is, how long it says it is, and if it ends."""
        with _owned(open_regular(self.path)) as file:
            self._identity = identity(file)
            try:
                self._container = self._recognise(file)
                if self._container is Container.MP3:
                    self._music = find_frame(file, skip_id3(file)) or 0
                    self._prefix = length_header(file, self._music)
                ended = self._container is not Container.OGG or self._ogg_ends(file)
                return completeness.extent(file, self._container), ended
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise AudioError(f"cannot read '{self.path}': {reason}") from error

    def _ogg_ends(self, file: BufferedReader) -> bool:
        if completeness.is_chained(file):
            raise AudioError(
                f"'{self.path}' is several Ogg files joined into one",
                hint="convert it to FLAC or WAV",
            )
        return completeness.ends_properly(file)

    def _recognise(self, file: BufferedReader) -> Container:
        if self._identity[-2] == 0:
            raise AudioError(f"'{self.path}' is an empty file", hint=_GET_AGAIN)
        container = sniff(file)
        if container is None:
            raise AudioError(
                f"'{self.path}' is not an audio file",
                hint="give a WAV, AIFF, FLAC, Ogg or MP3 file; convert others with ffmpeg",
            )
        return container

    @contextmanager
    def _decoder(self) -> Iterator[Decoder]:
        with _owned(open_regular(self.path)) as file:
            if identity(file) != self._identity:
                raise AudioError(f"'{self.path}' changed while it was read", hint="run it again")
            try:
                decoder = Decoder(file, self._container, self._prefix, self._music)
            except DecodeError as error:
                raise AudioError(
                    f"cannot decode '{self.path}': {error}", hint=_GET_AGAIN
                ) from error
            with decoder:
                yield decoder

    def _accept(self, decoder: Decoder) -> AudioFormat:
        """Refuse formats nobody records music in; most are headers gone wrong."""
        if decoder.subtype not in _SUBTYPES:
            raise AudioError(
                f"'{self.path}' is encoded as {decoder.subtype}, which is not supported",
                hint="convert it to WAV or FLAC",
            )
        if decoder.sample_rate not in RATES:
            raise AudioError(
                f"'{self.path}' has an unsupported rate of {decoder.sample_rate} Hz",
                hint=f"convert it to a rate in {RATES[0]}..{RATES[-1]} Hz",
            )
        if not 1 <= decoder.channels <= MOST_CHANNELS:
            raise AudioError(
                f"'{self.path}' has {decoder.channels} channels, more than {MOST_CHANNELS}",
                hint="mix it down first",
            )
        if decoder.frames >= 1 << 62:  # libsndfile's "unknown"; it cannot read the end then
            raise AudioError(
                f"'{self.path}' does not say how long it is",
                hint="convert it again, to a file instead of a pipe",
            )
        return AudioFormat(decoder.sample_rate, decoder.channels)

    def _window(self, start: float, duration: float | None, total: int | None) -> tuple[int, int]:
        """Return the first and the last sample; ``total`` is ``None`` if nobody knows it."""
        if not 0 <= start <= _LONGEST:
            raise UsageError(f"cannot start at {start} s", hint="give seconds from the start")
        if duration is not None and not 0 < duration <= _LONGEST:
            raise UsageError(f"cannot read {duration} s", hint="give a length in seconds")
        end = float("inf") if total is None else total
        first = round(start * self.format.sample_rate)
        if first >= end:
            raise AudioError(
                f"'{self.path}' ends at {end / self.format.sample_rate:.2f} s, "
                f"not after the start at {start} s",
                hint="begin earlier",
            )
        if duration is not None:
            end = min(end, first + max(1, round(duration * self.format.sample_rate)))
        return first, end if isinstance(end, int) else 1 << 62

    def _skip(self, decoder: Decoder, frames: int) -> None:
        if self._container not in _INEXACT_SEEK:
            try:
                decoder.seek(self._first)
            except DecodeError as error:
                raise self._damaged(self._first, decoder.frames) from error
            return
        for position in range(0, self._first, frames):
            self._read(decoder, min(frames, self._first - position), position)

    def _read(self, decoder: Decoder, wanted: int, position: int) -> Tensor:
        """Read exactly ``wanted`` samples, (channels, wanted)."""
        try:
            samples = decoder.read(wanted)
        except DecodeError as error:  # FLAC: lost sync, a wrong checksum
            raise self._damaged(position, decoder.frames) from error
        if len(samples) < wanted:
            raise self._truncated(position + len(samples), decoder.frames)
        return torch.from_numpy(np.ascontiguousarray(samples.T))

    def _require_end(self, decoder: Decoder) -> None:
        """Refuse a FLAC whose header says less than there is: the decoder stops early."""
        if self._container is Container.FLAC and decoder.unread() > _READ_AHEAD:
            raise AudioError(
                f"'{self.path}' holds more than its header says: {decoder.unread()} bytes are left",
                hint=_GET_AGAIN,
            )

    def _truncated(self, present: int, declared: int | None) -> AudioError:
        count = (
            f"{present} frames, no end" if declared is None else f"{present} of {declared} frames"
        )
        return AudioError(f"'{self.path}' is truncated: {count}", hint=_GET_AGAIN)

    def _damaged(self, decoded: int, declared: int) -> AudioError:
        return AudioError(
            f"'{self.path}' is damaged or truncated: {decoded} of {declared} frames decode",
            hint=_GET_AGAIN,
        )


def _owned(descriptor: int) -> BufferedReader:
    """Return a file object that closes ``descriptor``; a context manager."""
    return os.fdopen(descriptor, "rb")
