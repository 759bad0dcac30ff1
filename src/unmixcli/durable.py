"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unmixcli.errors import OutputError

PART = ".part"
"""What a file is called while it is written."""


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """Give a name to write to, which then takes the place of ``path`` at once.

    Raises:
        OutputError: It cannot be written; what was there before is still there.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # some writers are more discreet than the user is
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small file of text, and its folder if need be.

    Raises:
        OutputError: It cannot be written; what was there before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    with durable(path) as part:
        # A name that is no text is kept as what Python makes of its bytes.
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def unwritable(path: Path, error: OSError) -> OutputError:
    """Say why something cannot be written."""
    reason = (error.strerror or str(error)).lower()
    return OutputError(
        f"cannot write '{path}': {reason}",
        hint="make room or choose another --output; --resume goes on with what is whole",
    )


def _umask() -> int:
    """Return the permissions that new files are not to have; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    """Wait until the disk holds what was written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
