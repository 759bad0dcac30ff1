"""Float WAV files without the time they were written at."""

import os
import struct

_TIME = 4  # offset in a PEAK chunk: behind its version


def clear_peak_time(descriptor: int) -> None:
    """Zero the time stamp that libsndfile puts into the PEAK chunk of a WAV.

    Two runs then give identical bytes. Files without the chunk (integers, RF64) stay as
    they are.

    Args:
        descriptor: The finished file, open for reading and writing.
    """
    offset = 12
    while len(head := _read(descriptor, offset, 8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind == b"PEAK":
            os.lseek(descriptor, offset + 8 + _TIME, os.SEEK_SET)
            os.write(descriptor, bytes(4))
        if kind in (b"PEAK", b"data"):
            return
        offset += 8 + size + size % 2


def _read(descriptor: int, offset: int, size: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)
