"""The containers of torch files, honest or not: every field can be made to lie."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from attacks import pickles

STORED, DEFLATED = 0, 8
LEGACY_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file in a zip archive.

    Attributes:
        name: As the directory has it.
        data: What lies there.
        method: How it is compressed, or said to be.
        flags: 1 is encrypted.
        crc: Its checksum; ``None`` is the right one.
        size: Bytes it is said to have, in the directory.
        packed: Bytes it is said to take.
        place: Where it is said to begin; ``None`` is where it does.
        local: Its name where it lies, if that is another.
        absent: Only in the directory: another member's bytes are meant.
    """

    name: str
    data: bytes = b""
    method: int = STORED
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed: int | None = None
    place: int | None = None
    local: str | None = None
    absent: bool = False

    def header(self, raw: bytes) -> bytes:
        checksum = zlib.crc32(self.data) if self.crc is None else self.crc
        size = len(self.data) if self.size is None else self.size
        packed = len(raw) if self.packed is None else self.packed
        return struct.pack("<HHHHIII", self.flags, self.method, 0, 0x21, checksum, packed, size)


def archive(members: Sequence[Member], *, before: bytes = b"", after: bytes = b"") -> bytes:
    """Write a zip archive, and anything around it."""
    out, directory = bytearray(), bytearray()
    for member in members:
        raw = _packed(member)
        header, place = member.header(raw), len(out) if member.place is None else member.place
        if not member.absent:
            local = (member.local or member.name).encode()
            out += b"PK\x03\x04\x14\x00" + header + struct.pack("<HH", len(local), 0) + local + raw
        named = member.name.encode()
        directory += b"PK\x01\x02\x14\x00\x14\x00" + header
        directory += struct.pack("<HHHHHII", len(named), 0, 0, 0, 0, 0, place & 0xFFFFFFFF) + named
    count = min(len(members), 0xFFFF)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(out), 0)
    return before + bytes(out) + bytes(directory) + b"PK\x05\x06" + end + after


def _packed(member: Member) -> bytes:
    if member.method != DEFLATED:
        return member.data
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(member.data) + packer.flush()


def members(content: bytes, records: Mapping[str, bytes] | None = None) -> list[Member]:
    """What a torch file has in it."""
    return [
        Member(name="m/data.pkl", data=pickles.pickle(content)),
        Member(name="m/byteorder", data=b"little"),
        *(Member(name=f"m/data/{key}", data=raw) for key, raw in (records or {}).items()),
        Member(name="m/version", data=b"3\n"),
    ]


def zipped(content: bytes, records: Mapping[str, bytes] | None = None) -> bytes:
    """A torch file as it is written today."""
    return archive(members(content, records))


def legacy(content: bytes, records: Mapping[str, bytes] | None = None, width: int = 4) -> bytes:
    """A torch file as it was written before 2020.

    Args:
        content: A value.
        records: Bytes of each storage.
        width: Bytes of each of their elements.
    """
    records = records or {}
    system = pickles.table({"protocol_version": pickles.whole(1001), "little_endian": b"\x88"})
    keys = pickles.listed(*(pickles.text(key) for key in sorted(records)))
    row = [LEGACY_MAGIC, pickles.whole(1001), system, content, keys]
    raw = (struct.pack("<q", len(records[key]) // width) + records[key] for key in sorted(records))
    return b"".join(map(pickles.pickle, row)) + b"".join(raw)


def in_gzip(content: bytes, records: Mapping[str, bytes] | None = None) -> bytes:
    """As Demucs v1 was published."""
    return gzip.compress(legacy(content, records), mtime=0)


def in_compressed(content: bytes, records: Mapping[str, bytes] | None = None) -> bytes:
    """As Demucs v2 was, quantised."""
    inner = zlib.compress(zipped(content, records))
    return zipped(pickles.table({"compressed": pickles.octets(inner)}))


Container = Callable[[bytes, Mapping[str, bytes]], bytes]

CONTAINERS: dict[str, Container] = {
    "zip": zipped,
    "legacy": legacy,
    "gzip": in_gzip,
    "compressed": in_compressed,
}


def bomb(size: int) -> bytes:
    """Gzip of so many zero bytes, made a little at a time."""
    out = io.BytesIO()
    piece = bytes(1 << 20)
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
        for _ in range(size >> 20):
            file.write(piece)
    return out.getvalue()
