"""What MP3 needs: to know and count its frames, and to work around its decoder.

A frame header is four bytes (ISO/IEC 11172-3 §2.4.1.3 and 13818-3): eleven bits of sync,
then version, layer, bit rate, sampling frequency, padding, private, and channel mode.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader

_KBPS = {  # by (MPEG-1?, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
_DIVISORS = {3: 1, 2: 2, 0: 4}  # version bits: MPEG-1, MPEG-2, MPEG-2.5
_SEARCH = 65_536
"""Bytes looked through for a first frame: encoders and taggers leave zeros there."""

_WINDOW = 1 << 20

_SYNC = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]")
"""How a header begins: 11 bits of sync, a version, a layer and a bit rate that exist."""

_TOLERANCE = 1.01
"""By how much a count may be surpassed: tags at the end can look like a few frames."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The four bytes a frame begins with.

    Attributes:
        first_version: MPEG-1, as opposed to MPEG-2 and 2.5.
        layer: 1, 2 or 3.
        mono: One channel, as opposed to two.
        length: Bytes from this header to the next.
        samples: Samples per channel the frame holds.
    """

    first_version: bool
    layer: int
    mono: bool
    length: int
    samples: int

    @classmethod
    def parse(cls, data: bytes) -> FrameHeader | None:
        """Return the header at the start of ``data``, or ``None`` if there is none."""
        if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
            return None
        version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
        kbps, rate = data[2] >> 4, data[2] >> 2 & 3
        if version == 1 or layer == 4 or kbps in (0, 15) or rate == 3:
            return None
        first = version == 3
        bits = _KBPS[first, layer][kbps - 1] * 1000
        hertz = _RATES[rate] // _DIVISORS[version]
        samples = 384 if layer == 1 else 1152 if layer == 2 or first else 576
        padding = data[2] >> 1 & 1
        slots = samples // 8 * bits // hertz
        length = (slots // 4 + padding) * 4 if layer == 1 else slots + padding
        return cls(first, layer, data[3] >> 6 == 3, length, samples)

    @property
    def tag_offset(self) -> int:
        """Where a Xing tag begins: behind the header and the side information."""
        if self.first_version:
            return 4 + (17 if self.mono else 32)
        return 4 + (9 if self.mono else 17)


def find_frame(file: BufferedReader, start: int) -> int | None:
    """Return the offset of the first frame at or soon after ``start``.

    Eleven bits occur by chance, so the next frame must follow where this one says, or the
    file must end there; and only zeros may come before.
    """
    file.seek(start)
    head = file.read(_SEARCH)
    skipped = len(head) - len(head.lstrip(b"\0"))
    frame = FrameHeader.parse(head[skipped : skipped + 4])
    if frame is None:
        return None
    file.seek(start + skipped + frame.length)
    after = file.read(4)
    follows = FrameHeader.parse(after)
    alike = follows is not None and follows.layer == frame.layer
    return start + skipped if alike or not after or after.startswith(b"TAG") else None


def length_header(file: BufferedReader, start: int) -> bytes:
    """Return the Xing frame that a stream lacks, or nothing if what it says is true.

    Without one libsndfile guesses the length from the first frame's bit rate and stops
    there: of a file with variable bit rate, half the music can be missing without a word.
    Of several files joined into one, the first one's tag speaks for itself alone.

    Args:
        file: An MP3.
        start: Offset of its first frame.
    """
    file.seek(start)
    head = file.read(64)
    frame = FrameHeader.parse(head)
    if frame is None or frame.layer != 3 or head[36:40] == b"VBRI":
        return b""
    end = os.fstat(file.fileno()).st_size
    count, size = _count(file, start, end), end - start
    if count <= _said(head[frame.tag_offset :]) * _TOLERANCE + 1:  # 1: the tag's own frame
        return b""
    # No checksum follows, and the highest bit rate: at the lowest a tag does not fit.
    header = bytes([head[0], head[1] | 1, head[2] & 0x0F | 0xE0, head[3]])
    holder = FrameHeader.parse(header)
    if holder is None:
        return b""
    fields = struct.pack(">4sIII", b"Info", 3, count, size + holder.length)
    return (header + bytes(frame.tag_offset - 4) + fields).ljust(holder.length, b"\0")


def _said(tag: bytes) -> int:
    """Return the frames a Xing tag counts; 0 if it is none, or does not say."""
    name, flags, count = struct.unpack(">4sII", tag[:12].ljust(12, b"\0"))
    return int(count) if name in (b"Xing", b"Info") and flags & 1 else 0


def _count(file: BufferedReader, start: int, end: int) -> int:
    """Return the number of whole frames from ``start`` on, passing over what is no frame.

    Reads a window at a time: a map of the file would stay in memory as long as it.
    """
    count, offset = 0, start
    held, window = start, b""
    while offset < end:
        if offset + 4 > held + len(window):
            file.seek(offset)
            held, window = offset, file.read(_WINDOW)
            if len(window) < 4:
                break
        frame = FrameHeader.parse(window[offset - held : offset - held + 4])
        if frame is None:
            found = _SYNC.search(window, offset - held + 1)
            offset = held + (found.start() if found else max(len(window) - 2, offset - held + 1))
            continue
        offset += frame.length
        count += offset <= end
    return count


class PrefixedFile:
    """Reads as ``prefix`` and then ``file``, for a decoder that needs a better header.

    Args:
        prefix: What to read first.
        file: What to read next; stays open.
        start: Offset in ``file`` of what follows the prefix.

    Attributes:
        failure: What went wrong while libsndfile was reading. It cannot pass an exception
            on (a Ctrl-C would look like the end of the file): raise it when it returns.
    """

    def __init__(self, prefix: bytes, file: BufferedReader, start: int) -> None:
        self._prefix = prefix
        self._file = file
        self._skip = start - len(prefix)  # from our positions to the file's
        self._length = os.fstat(file.fileno()).st_size - self._skip
        self._position = 0
        self.failure: BaseException | None = None

    def tell(self) -> int:
        """Return the position, in bytes from the start of the prefix."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to another position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; all that follow if it is negative."""
        if size < 0:
            size = max(0, self._length - self._position)
        try:
            data = self._at(self._position, size)
        except BaseException as error:  # noqa: BLE001
            self.failure = error
            return b""
        self._position += len(data)
        return data

    def _at(self, start: int, size: int) -> bytes:
        data = self._prefix[start : start + size]
        if len(data) < size:
            self._file.seek(start + len(data) + self._skip)
            data += self._file.read(size - len(data))
        return data


_LOCK = threading.Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for the length of one call into libsndfile.

    libmpg123 prints there ("Xing stream size off by more than 1%…"), and libsndfile
    offers no way to tell it not to. The descriptor belongs to the whole process: what
    other threads print meanwhile is lost, and one thread at a time may be here, so this
    is held around single calls for MP3 only, never across a ``yield``.
    """
    if sys.__stderr__ is None:  # started with it closed: descriptor 2 may be anything
        yield
        return
    with _LOCK:
        saved = os.dup(2)
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
