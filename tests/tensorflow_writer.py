"""A plain writer of TensorFlow checkpoints, honest or not, which shares nothing with the reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

DTYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}
MAGIC = bytes.fromhex("57fb808b247547db")
HEADER = bytes.fromhex("08011a020801")  # one shard; version: written by producer 1

Rows = Iterable[tuple[bytes, bytes]]


def crc32c(data: bytes) -> int:
    """Bit by bit, from the definition."""
    register = 0xFFFFFFFF
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ 0x82F63B78 * (register & 1)
    return register ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    checksum = crc32c(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def whole(number: int, value: int) -> bytes:
    """Return a field that is a number; negative ones as TensorFlow has them."""
    return varint(number << 3) + varint(value % 2**64)


def nested(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(
    shape: Sequence[int] = (2,),
    *,
    dtype: int = 1,
    shard: int = 0,
    offset: int = 0,
    size: int = 8,
    checksum: int = 0,
    more: bytes = b"",
) -> bytes:
    """Return a BundleEntryProto."""
    dims = b"".join(nested(2, whole(1, dim)) for dim in shape)
    where = whole(3, shard) + whole(4, offset) + whole(5, size)
    fixed = varint(6 << 3 | 5) + checksum.to_bytes(4, "little")
    return whole(1, dtype) + nested(2, dims) + where + fixed + more


def header(shards: int) -> bytes:
    return whole(1, shards) + HEADER[2:]


def block(rows: Rows, every: int = 16) -> bytes:
    """Return entries whose keys are spelt in full every so often, and where those are."""
    out, restarts, last = b"", [], b""
    for number, (key, value) in enumerate(rows):
        shared = 0
        if number % every:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        else:
            restarts.append(len(out))
        fresh = key[shared:]
        out += varint(shared) + varint(len(fresh)) + varint(len(value)) + fresh + value
        last = key
    restarts = restarts or [0]
    return out + b"".join(n.to_bytes(4, "little") for n in [*restarts, len(restarts)])


def signed(content: bytes, kind: int = 0) -> bytes:
    """Return a block with its trailer."""
    stored = content + bytes([kind])
    return stored + masked(stored).to_bytes(4, "little")


def handle(offset: int, size: int) -> bytes:
    return varint(offset) + varint(size)


def footer(meta: bytes, index: bytes) -> bytes:
    return (meta + index).ljust(40, b"\0") + MAGIC


def table(contents: Sequence[bytes]) -> bytes:
    """Return an index file of some data blocks."""
    out, handles = b"", []
    for number, content in enumerate(contents):
        handles.append((bytes([number + 1]), handle(len(out), len(content))))
        out += signed(content)
    ends = []
    for content in (block([]), block(handles, every=1)):
        ends.append(handle(len(out), len(content)))
        out += signed(content)
    return out + footer(*ends)


def save(
    checkpoint: Path,
    variables: Mapping[str, np.ndarray],
    *,
    shards: int = 1,
    rows_per_block: int = 7,
) -> None:
    """Write a checkpoint as TensorFlow would, its variables dealt to the shards in turn."""
    data = [b""] * shards
    rows = [(b"", header(shards))]
    for number, (name, values) in enumerate(sorted(variables.items())):
        raw, shard = values.astype(values.dtype.newbyteorder("<")).tobytes(), number % shards
        said = entry(
            values.shape,
            dtype=DTYPES[values.dtype.name],
            shard=shard,
            offset=len(data[shard]),
            size=len(raw),
            checksum=masked(raw),
        )
        rows.append((name.encode(), said))
        data[shard] += raw
    rows.sort()
    pieces = [rows[at : at + rows_per_block] for at in range(0, len(rows), rows_per_block)]
    write(checkpoint, table([block(piece) for piece in pieces]), data)


def write(checkpoint: Path, index: bytes, data: Sequence[bytes]) -> None:
    checkpoint.with_name(checkpoint.name + ".index").write_bytes(index)
    for number, raw in enumerate(data):
        name = f"{checkpoint.name}.data-{number:05d}-of-{len(data):05d}"
        checkpoint.with_name(name).write_bytes(raw)
