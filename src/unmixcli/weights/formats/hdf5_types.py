"""How HDF5 says of what type and shape something is."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

NEWER = "it is HDF5 of a kind that h5py writes only when told to"

INTEGER, FLOAT, STRING, VARIABLE = 0, 1, 3, 9
SIGNED = 8
LONGEST = 1 << 16  # bytes of a text: more than a message can hold

# How an IEEE number is told from others of its size: its flags; then the place and size of the
# number, of its exponent and of its mantissa, and the exponent's bias.
FLOATS = {
    2: (0x0F20, 0, 16, 10, 5, 0, 10, 15),
    4: (0x1F20, 0, 32, 23, 8, 0, 23, 127),
    8: (0x3F20, 0, 64, 52, 11, 0, 52, 1023),
}


def unpack(layout: str, data: bytes, at: int = 0) -> tuple[Any, ...]:
    """Unpack little-endian numbers.

    Raises:
        ValueError: There are too few bytes.
    """
    try:
        return struct.unpack_from("<" + layout, data, at)
    except struct.error as error:
        raise ValueError("a part of it is cut short") from error


def shape_of(message: bytes) -> tuple[int, ...]:
    """Decode a dataspace.

    Raises:
        ValueError: It is damaged or newer.
    """
    version, rank = unpack("BB", message)
    if version != 1:
        raise ValueError(NEWER)
    shape = unpack(f"{rank}q", message, 8)
    if any(side < 0 for side in shape):
        raise ValueError("a shape in it is beyond any memory")
    return shape


def dtype_of(message: bytes) -> np.dtype[Any] | None:
    """Decode a type: a number, or a text of fixed length; ``None`` is one of any length.

    Raises:
        ValueError: It is damaged, or a type that weights do not need.
    """
    kind, low, middle, high, size = unpack("4BI", message)
    kind &= 0xF  # without its version
    flags = low | middle << 8 | high << 16
    order = "<>"[flags & 1]
    if kind == STRING and 0 < size <= LONGEST:
        return np.dtype(f"S{size}")
    if kind == VARIABLE and flags & 0xF == 1:
        return None
    if kind == INTEGER and size in (4, 8):
        if (flags & ~1, *unpack("HH", message, 8)) == (SIGNED, 0, 8 * size):
            return np.dtype(f"{order}i{size}")
    elif kind == FLOAT and FLOATS.get(size) == (flags & ~1, *unpack("HHBBBBI", message, 8)):
        return np.dtype(f"{order}f{size}")
    raise ValueError("something in it is of a type that is not read")
