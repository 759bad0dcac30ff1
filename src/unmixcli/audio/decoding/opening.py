"""A descriptor of a regular file, or the reason why there is none."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from unmixcli.errors import AudioError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# A path that turns into a FIFO after it was looked at must not hang the open.
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0)


def open_regular(path: Path) -> int:
    """Open a file for reading and return its descriptor.

    A descriptor, unlike a name, reaches libsndfile whatever bytes the name has, and no
    extension (``.raw``) can change how it is read.

    Raises:
        AudioError: There is no such file, it may not be read, or it is not a regular file.
    """
    try:
        mode = path.stat().st_mode  # looked at before opening: opening a device may act on it
        _require_regular(path, mode)
        descriptor = os.open(path, _FLAGS | _NEVER_WAIT)
    except OSError as error:
        raise AudioError(
            f"cannot open '{path}': {_reason(path, error)}", hint="check the name and its folder"
        ) from error
    except ValueError as error:  # a NUL in the name
        raise AudioError(f"cannot open {str(path)!r}: {error}") from error
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)
    except AudioError:
        os.close(descriptor)
        raise
    return descriptor


def identity(file: BufferedReader) -> tuple[int, int, int, int]:
    """Return what tells a file from another one that took its name: inode, size, time."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _require_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise AudioError(f"'{path}' is a directory", hint="name the audio files in it")
    if not stat.S_ISREG(mode):
        raise AudioError(
            f"'{path}' is not a regular file", hint="save it as an audio file and name that"
        )


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "the link leads nowhere" if path.is_symlink() else "no such file"
    return (error.strerror or str(error)).lower()
