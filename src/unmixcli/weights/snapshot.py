"""A file of weights in memory, read once.

What is hashed must be what is parsed: between two readings a file could be exchanged.
So it is read once, into memory of our own, and its tensors lie in that memory.
"""

from __future__ import annotations

import hashlib
import mmap
import stat
from dataclasses import dataclass
from pathlib import Path

from unmixcli.errors import DeviceError, WeightsError, is_out_of_memory
from unmixcli.weights.plain import brief

NOT_WEIGHTS = {
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "a web page",
    b"version https://git-lfs": "a pointer to a file, not the file",
}
"""How files begin that a failed download leaves, in lower case."""

PIECE = 1 << 24
LONGEST_PATH = 500
"""Of what is shown: a path need not be one, nor a line."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes of a file, and where they came from.

    Attributes:
        path: The file, for errors.
        data: Its bytes; writable, because tensors share them, but nobody writes.
    """

    path: Path
    data: mmap.mmap

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    def digest(self, algorithm: str = "sha256", prefix: bytes = b"") -> str:
        """Return the hash of the file, after a prefix, in hex."""
        found = hashlib.new(algorithm, prefix)
        with memoryview(self.data) as view:
            found.update(view)
        return found.hexdigest()


def take(path: Path) -> Snapshot:
    """Read a file into memory.

    Raises:
        WeightsError: It is absent, empty, no regular file, or a web page.
        DeviceError: There is too little memory for it.
    """
    try:
        size = path.stat().st_size
        if not stat.S_ISREG(path.stat().st_mode):
            raise WeightsError(f"'{path}' is not a regular file")
        if not size:
            raise WeightsError(f"'{path}' is empty")
        data = mmap.mmap(-1, size)
        _fill(path, data)
    except (OSError, OverflowError, MemoryError, ValueError) as error:
        if is_out_of_memory(error):
            raise DeviceError(
                f"out of memory while loading '{path}'", hint="close other programs"
            ) from error
        raise unreadable(path, error) from error
    beginning = data[:512].lstrip().lower()
    for start, what in NOT_WEIGHTS.items():
        if beginning.startswith(start):
            raise WeightsError(
                f"'{path}' is {what}", hint="its download failed: remove it and get it again"
            )
    return Snapshot(path, data)


def unreadable(path: Path, error: Exception) -> WeightsError:
    """Say why a file of weights cannot be read."""
    if isinstance(error, FileNotFoundError):
        return WeightsError(
            f"no weights file '{brief(path, LONGEST_PATH)}'", hint="check the name and its folder"
        )
    reason = getattr(error, "strerror", None) or error
    return WeightsError(f"cannot read the weights '{brief(path, LONGEST_PATH)}': {reason}")


def _fill(path: Path, data: mmap.mmap) -> None:
    with path.open("rb", buffering=0) as file, memoryview(data) as view:
        done = 0
        while done < len(view):
            count = file.readinto(view[done : done + PIECE])
            if not count:
                raise WeightsError(f"'{path}' became shorter while it was read")
            done += count
