"""The Castagnoli checksum, which TensorFlow keeps of every tensor, at the speed of numpy.

A checksum is a remainder of polynomials over GF(2), hence linear: a row of words moved ``n``
words ahead and added to the row ``n`` words later leaves it unchanged. So a long message is
folded, whole rows at a time, into one short row, and that one in halves into a single word.
Moving ahead is a lookup: one table for each half of a word.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

POLYNOMIAL = 0x82F63B78  # bits reversed: the lowest bit is the highest power

# A word that, read first, leaves the register at its customary start of all ones.
START = np.uint32(0x641F6454)

ROW = 14  # a row of 2**14 words and its two tables stay in the processor's cache

MASK = 0xA282EAD8


def crc32c(data: bytes | NDArray[Any]) -> int:
    """Return the CRC-32C of some bytes."""
    octets = np.frombuffer(data, np.uint8)
    width = min(ROW, (octets.size // 4).bit_length())
    row = 4 << width
    first = octets.size % row  # bytes of the row that is not full
    folded = _padded(octets[:first], width)
    for at in range(first, octets.size, row):
        folded = _ahead(folded, width) ^ octets[at : at + row].view("<u4")
    for level in reversed(range(width)):
        early, late = np.split(folded, 2)
        folded = _ahead(early, level) ^ late
    return int(_ahead(folded, 0)[0]) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes | NDArray[Any]) -> int:
    """Return the checksum as LevelDB stores it, so that checksums of checksums stay good."""
    checksum = crc32c(data)
    return ((checksum >> 15 | checksum << 17) + MASK) & 0xFFFFFFFF


def _padded(octets: NDArray[np.uint8], width: int) -> Words:
    """Return the start and a row that is not full as one row; zeros ahead of all count nothing."""
    head = START.astype("<u4").tobytes() + octets.tobytes()
    early, late = np.split(np.frombuffer(head.rjust(8 << width, b"\0"), "<u4"), 2)
    row: Words = _ahead(early, width) ^ late
    return row


def _ahead(words: Words, power: int) -> Words:
    """Move words ahead by ``2**power`` words."""
    low, high = _tables(power)
    halves = words.view("<u2").reshape(-1, 2)
    moved: Words = low.take(halves[:, 0]) ^ high.take(halves[:, 1])
    return moved


@cache
def _tables(power: int) -> Words:
    """Return what each lower and each upper half of a word becomes: [2, 65536]."""
    if power:  # twice as far is the same move again
        return _ahead(_tables(power - 1).ravel(), power - 1).reshape(2, -1)
    table = np.zeros(1, np.uint32)
    tables = []
    for bit in range(32):
        register = 1 << bit
        for _ in range(32):
            register = register >> 1 ^ POLYNOMIAL * (register & 1)
        table = np.concatenate([table, table ^ np.uint32(register)])
        if bit % 16 == 15:
            tables.append(table)
            table = np.zeros(1, np.uint32)
    return np.stack(tables)
