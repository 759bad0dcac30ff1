"""Does a file hold what its header promises?

libsndfile shortens its answer silently when a file was cut, so the promise is read here:
the size of the chunk of samples in WAV, RF64, W64, AIFF, CAF and AU, and the mark on the
last page of Ogg. FLAC and MP3 state a count of samples, which decoding itself confirms.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from io import BufferedReader

from unmixcli.audio.decoding.sniff import Container

_UNKNOWN = frozenset({0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000})
"""Sizes that programs write into a pipe, not knowing yet (ffmpeg, sox, arecord)."""

_WRAP = 1 << 32
_MOST_CHUNKS = 10_000  # a file of zeros is a chunk of no length after the other
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_OGG_PAGE = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, 3 x id, segments
_OGG_LONGEST = _OGG_PAGE.size + 255 + 255 * 255
_OGG_FIRST, _OGG_LAST = 0x02, 0x04
_OGG_POLYNOMIAL = 0x04C11DB7


@dataclass(frozen=True, slots=True)
class Extent:
    """The encoded samples of a file, in bytes.

    Attributes:
        declared: What the header says there are.
        present: What is there.
    """

    declared: int
    present: int

    @property
    def wrapped(self) -> bool:
        """Whether a 32-bit size field was too small for what follows it."""
        return self.present - self.declared >= _WRAP

    def frames(self, present: int) -> int:
        """Return how many samples the header stands for, where ``present`` can be decoded."""
        if self.declared <= self.present:
            return present
        size = self.present // max(present, 1)  # bytes per frame, of whole ones
        if present and size:
            return self.declared // size
        # Several frames share a compressed block, or none is whole: the share must do.
        return max(present + 1, present * self.declared // max(self.present, 1))


def extent(file: BufferedReader, container: Container) -> Extent | None:
    """Return the declared and the present size of the samples.

    ``None`` means that the header does not say: a streamed file, or another container.
    """
    if container in (Container.WAV, Container.RF64):
        return _riff(file)
    if container is Container.AIFF:
        found = _chunk(file, b"SSND", 12, ">4sI")
        return found and Extent(found.declared - 8, found.present - 8)  # less offset and block size
    if container is Container.CAF:
        found = _chunk(file, b"data", 8, ">4sq", unknown=frozenset({-1}), align=1)
        return found and Extent(found.declared - 4, found.present - 4)  # less a count of edits
    if container is Container.W64:
        return _w64(file)
    return _au(file) if container is Container.AU else None


def _size(file: BufferedReader) -> int:
    return os.fstat(file.fileno()).st_size


def _riff(file: BufferedReader) -> Extent | None:
    file.seek(0)
    big_endian = file.read(4) == b"RIFX"
    file.seek(12)
    first = file.read(24)
    if not first.startswith(b"ds64"):
        return _chunk(file, b"data", 12, ">4sI" if big_endian else "<4sI")
    if len(first) < 24:
        return None
    declared = struct.unpack("<Q", first[16:])[0]  # behind the size of the whole file
    found = _chunk(file, b"data", 12, "<4sI", unknown=frozenset())
    return found and Extent(declared, found.present)


def _chunk(
    file: BufferedReader,
    name: bytes,
    start: int,
    layout: str,
    unknown: frozenset[int] = _UNKNOWN,
    align: int = 2,
) -> Extent | None:
    """Walk chunks, as of EA IFF 85, to the one called ``name``."""
    header = struct.Struct(layout)
    offset = start
    for _ in range(_MOST_CHUNKS):
        file.seek(offset)
        head = file.read(header.size)
        if len(head) < header.size:
            return None
        kind, declared = header.unpack(head)
        offset += header.size
        if kind == name:
            known = declared not in unknown and declared != 0
            return Extent(declared, _size(file) - offset) if known else None
        offset += declared + declared % align
        if not 0 <= offset <= _size(file):
            break
    return None


def _w64(file: BufferedReader) -> Extent | None:
    offset = 40  # two GUIDs around the size of the file
    for _ in range(_MOST_CHUNKS):
        if offset >= _size(file):  # a size of 64 bits can be beyond any seek
            break
        file.seek(offset)
        head = file.read(24)
        if len(head) < 24:
            break
        declared = struct.unpack("<Q", head[16:])[0]  # counts these 24 bytes too
        if head[:16] == _W64_DATA:
            return Extent(declared - 24, _size(file) - offset - 24)
        offset += max(24, -(-declared // 8) * 8)
    return None


def _au(file: BufferedReader) -> Extent | None:
    file.seek(0)
    head = file.read(12)
    if len(head) < 12:
        return None
    offset, declared = struct.unpack(">II" if head.startswith(b".snd") else "<II", head[4:])
    return None if declared in _UNKNOWN else Extent(declared, _size(file) - offset)


def ends_properly(file: BufferedReader) -> bool:
    """Whether the last page of an Ogg stream is whole and marked as the last."""
    size = _size(file)
    file.seek(max(0, size - 2 * _OGG_LONGEST))
    tail = file.read()
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) - start < _OGG_PAGE.size:
        return False
    _, version, flags, _, _, _, checksum, segments = _OGG_PAGE.unpack_from(tail, start)
    table = tail[start + _OGG_PAGE.size :][:segments]
    page = tail[start : start + _OGG_PAGE.size + segments + sum(table)]
    whole = len(table) == segments and len(page) == _OGG_PAGE.size + segments + sum(table)
    return bool(version == 0 and flags & _OGG_LAST and whole and _ogg_checksum(page) == checksum)


def is_chained(file: BufferedReader) -> bool:
    """Whether an Ogg file is several, one after the other: libsndfile reads the first."""
    offset, size, ended = 0, _size(file), False
    while offset < size:
        file.seek(offset)
        head = file.read(_OGG_PAGE.size)
        if len(head) < _OGG_PAGE.size or not head.startswith(b"OggS"):
            return False
        *_, flags, _, _, _, _, segments = _OGG_PAGE.unpack(head)
        if ended and flags & _OGG_FIRST:
            return True
        ended = ended or bool(flags & _OGG_LAST)
        offset += len(head) + segments + sum(file.read(segments))
    return False


def _ogg_checksum(page: bytes) -> int:
    """Return the CRC-32 of a page, its own four bytes taken as zero (RFC 3533 §6)."""
    remainder = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        remainder ^= byte << 24
        for _ in range(8):
            remainder <<= 1
            if remainder >> 32:
                remainder ^= _OGG_POLYNOMIAL | _WRAP
    return remainder
