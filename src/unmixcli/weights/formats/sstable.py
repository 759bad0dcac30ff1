"""A sorted table of keys and values, as LevelDB lays it out and TensorFlow keeps its indexes.

    data blocks | metaindex block | index block | footer: two handles, padding, magic

A handle is the offset and the size of a block; the index block has those of the data blocks. A
block is entries, then the offsets it could be searched from (passed over), then a trailer that
says how it is compressed and its checksum. An entry leaves out what its key shares with the
one before.
"""

from __future__ import annotations

from collections.abc import Iterator

from unmixcli.weights.formats.crc32c import masked_crc32c
from unmixcli.weights.formats.protobuf import varint

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
TRAILER = 5
STORED = 0

# Keys share prefixes, so a small table can spell out a large one; TensorFlow's come to about
# their own size.
EXPANSION = 32


def entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys, each greater than the one before, and their values.

    The work and the memory it takes are in proportion to the table's size, whatever it says.

    Raises:
        ValueError: It is damaged, or compressed.
    """
    footer = table[-FOOTER:]
    if len(footer) < FOOTER or int.from_bytes(footer[-8:], "little") != MAGIC:
        raise ValueError("its index does not end as one")
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    free, spelt, previous = 0, 0, None
    for _, value in _block_entries(_block(table, index)):
        handle, _ = _handle(value, 0)
        offset, size = handle
        if offset < free:
            raise ValueError("blocks of its index overlap")
        free = offset + size
        for key, entry in _block_entries(_block(table, handle)):
            spelt += len(key)
            if spelt > EXPANSION * len(table):
                raise ValueError("the keys of its index are too long")
            if previous is not None and key <= previous:
                raise ValueError("the keys of its index are not in order")
            previous = key
            yield key, entry


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(table: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    end = offset + size
    if end + TRAILER > len(table) - FOOTER:
        raise ValueError("a block of its index lies outside it")
    if masked_crc32c(table[offset : end + 1]) != int.from_bytes(
        table[end + 1 : end + TRAILER], "little"
    ):
        raise ValueError("a block of its index fails its checksum")
    if table[end] != STORED:
        raise ValueError(f"a block of its index is compressed (type {table[end]})")
    return table[offset:end]


def _block_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    if len(block) < 4 or end < 0:
        raise ValueError("a block of its index is cut short")
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or fresh + size > end - at:
            raise ValueError("an entry of its index lies outside its block")
        middle = at + fresh
        key = key[:shared] + block[at:middle]
        at = middle + size
        yield key, block[middle:at]
