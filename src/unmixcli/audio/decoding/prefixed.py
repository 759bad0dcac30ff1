"""A file with a few bytes put before it."""

from __future__ import annotations

import os
from io import BufferedReader


class PrefixedFile:
    """Reads as ``prefix`` and then ``file``, for a decoder that needs a better header.

    Args:
        prefix: What to read first.
        file: What to read next; stays open.
        start: Offset in ``file`` of what follows the prefix.
    """

    def __init__(self, prefix: bytes, file: BufferedReader, start: int) -> None:
        self._prefix = prefix
        self._file = file
        self._skip = start - len(prefix)  # from our positions to the file's
        self._length = os.fstat(file.fileno()).st_size - self._skip
        self._position = 0

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
        start = self._position
        data = self._prefix[start : start + size]
        if len(data) < size:
            self._file.seek(start + len(data) + self._skip)
            data += self._file.read(size - len(data))
        self._position += len(data)
        return data
