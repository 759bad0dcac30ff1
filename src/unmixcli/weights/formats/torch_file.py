"""What torch.save writes, read without torch.load.

Two containers: a zip archive whose members are the pickle and the tensors' bytes, and
before 2020 a row of pickles followed by the bytes. Either holds one pickle
(:mod:`.pickle_data`); every tensor is checked to lie in its storage before it is made,
and is a view of the file's bytes, so that no file can ask for more memory than it has.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import torch
from torch import Tensor

from unmixcli.weights.formats.pickle_data import Name, PickleError, Reader

STORAGES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
ZIP_START = b"PK\x03\x04"
GZIP_START = b"\x1f\x8b"
LARGEST_PICKLE = 1 << 26
MOST_DIMENSIONS = 8

Buffer = Any
"""Anything with the buffer protocol whose bytes may be shared and written to."""


@dataclass(slots=True)
class Storage:
    """A run of numbers in a file; the place is known once the file is read."""

    dtype: torch.dtype
    count: int
    buffer: Buffer = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that a pickle describes: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        """Return it as a view of the file's bytes, or raise :class:`PickleError`."""
        storage = self.storage
        try:
            if not storage.count:
                return torch.empty(self.shape, dtype=storage.dtype)
            numbers = torch.frombuffer(
                storage.buffer, dtype=storage.dtype, count=storage.count, offset=storage.offset
            )
            return numbers.as_strided(self.shape, self.stride, self.offset)
        except RuntimeError as error:
            raise PickleError("a tensor of an impossible shape") from error


def read(data: Buffer, *, packed: bool = False) -> Any:
    """Return the object of a torch file; its tensors are :class:`Stored`.

    Args:
        data: The file's bytes; tensors will share them.
        packed: Whether they were inflated: once is enough.

    Raises:
        PickleError: It is none, is damaged, or holds what no checkpoint needs.
    """
    start = bytes(data[: len(LEGACY_START)])
    if start.startswith(GZIP_START):
        if packed:
            raise PickleError("an archive in an archive")
        return read(inflate(data, room(len(data)), zlib.MAX_WBITS | 16), packed=True)
    if start.startswith(ZIP_START):
        return _zip(data)
    if start == LEGACY_START:
        return _legacy(data)
    raise PickleError("no torch file")


def room(size: int) -> int:
    """Return how much a file may inflate to: weights shrink to a tenth at best."""
    return 16 * size + (1 << 24)


def inflate(data: Buffer, most: int, bits: int = zlib.MAX_WBITS) -> bytearray:
    """Undo zlib or gzip.

    Raises:
        PickleError: It is damaged, or gives more than ``most`` bytes.
    """
    inflater, result = zlib.decompressobj(bits), bytearray()
    try:
        with memoryview(data) as view:
            for start in range(0, len(view), 1 << 20):
                piece = bytes(view[start : start + (1 << 20)])
                while piece and not inflater.eof:
                    result += inflater.decompress(piece, 1 << 22)
                    piece = inflater.unconsumed_tail
                    if len(result) > most:
                        raise PickleError("compressed beyond what weights can be")
    except zlib.error as error:
        raise PickleError("damaged where it is compressed") from error
    if not inflater.eof:
        raise PickleError("cut short where it is compressed")
    return result


def _zip(data: Buffer) -> Any:
    try:
        archive = zipfile.ZipFile(_file(data))
        members = archive.infolist()
    # Its directory may say anything.
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise PickleError("a damaged zip archive") from error
    places = _places(data, members)
    pickles = [name for name in places if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise PickleError("a zip archive that is no torch file")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in places:
        raise PickleError("a TorchScript program")
    if bytes(_bytes(data, places.get(f"{folder}byteorder", (0, 0)))) not in (b"", b"little"):
        raise PickleError("bytes in an order not read here")

    def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
        place, size = places.get(f"{folder}data/{key}", (0, -1))
        if size != count * dtype.itemsize:
            raise PickleError(f"storage {key[:20]!r} is not of the size it claims")
        return Storage(dtype, count, data, place)

    return _object(io.BytesIO(_bytes(data, places[pickles[0]])), storage)


def _file(data: Buffer) -> IO[bytes]:
    return data if hasattr(data, "seek") else io.BytesIO(data)


def _places(data: Buffer, members: list[zipfile.ZipInfo]) -> dict[str, tuple[int, int]]:
    """Return where the bytes of each member lie: one behind the other, from the start on."""
    places, free = dict[str, tuple[int, int]](), 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < free or not (places or member.header_offset == 0):
            raise PickleError("a zip archive whose members overlap, or with something before it")
        place, size = places[member.filename] = _place(data, member)
        free = place + size
    if len(places) != len(members):
        raise PickleError("a zip archive with two members of a name")
    return places


def _place(data: Buffer, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return where a member's bytes begin, and how many; they must lie there as they are."""
    start = member.header_offset
    header = bytes(data[start : start + 30])
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise PickleError("a zip archive with compressed or encrypted members")
    if len(header) < 30 or not header.startswith(ZIP_START):
        raise PickleError("a damaged zip archive")
    name, extra = struct.unpack("<HH", header[26:30])
    place, size = start + 30 + name + extra, member.file_size
    if place + size > len(data) or size != member.compress_size:
        raise PickleError("a zip archive cut short")
    with memoryview(data) as view:
        if zlib.crc32(view[place : place + size]) != member.CRC:
            raise PickleError(f"damaged in {member.filename[-40:]!r}")
    return place, size


def _bytes(data: Buffer, place: tuple[int, int]) -> bytes:
    start, size = place
    if size > LARGEST_PICKLE:
        raise PickleError("too large a pickle")
    return bytes(data[start : start + size])


def _legacy(data: Buffer) -> Any:
    """Read a row of pickles and the bytes behind them."""
    storages: dict[str, Storage] = {}

    def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
        found = storages.setdefault(key, Storage(dtype, count))
        if (found.dtype, found.count) != (dtype, count):
            raise PickleError(f"storage {key[:20]!r} of two kinds")
        return found

    file = _file(data)
    file.seek(0)
    magic, protocol, system = (Reader(file).read() for _ in range(3))
    if magic != LEGACY_MAGIC or protocol != 1001:
        raise PickleError("an unknown version of the old torch format")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise PickleError("bytes in an order not read here")
    result = _object(file, storage)
    _find(storages, Reader(file).read(), data, file.tell())
    return result


def _find(storages: dict[str, Storage], keys: Any, data: Buffer, place: int) -> None:
    """Say where each storage lies: behind the pickles, in the order of the keys."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise PickleError("names of storages that are no text")
    if sorted(keys) != sorted(storages):
        raise PickleError("bytes for other tensors than it describes")
    for key in keys:
        found = storages[key]
        size = found.count * found.dtype.itemsize
        if place + 8 + size > len(data):
            raise PickleError("cut short")
        if struct.unpack("<q", data[place : place + 8]) != (found.count,):
            raise PickleError(f"storage {key[:20]!r} is not of the size it claims")
        found.buffer, found.offset = data, place + 8
        place += 8 + size


def _object(file: IO[bytes], storage: Callable[[torch.dtype, str, int], Storage]) -> Any:
    def persistent(identity: tuple[Any, ...]) -> Any:
        if identity[0] == "module":  # a class, with its source; its name is enough
            return identity[1]
        kind, what, key, _, count, *views = identity
        if kind != "storage" or not isinstance(what, Name) or what.text not in STORAGES:
            raise PickleError("a storage of an unknown kind")
        if not isinstance(key, str) or not _is_count(count) or views not in ([], [None]):
            raise PickleError("a storage described in an unknown way")
        return storage(STORAGES[what.text], key, count)

    calls = {
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    }
    words = frozenset(STORAGES)
    return Reader(file, calls=calls, words=words, persistent=persistent).read()


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Stored:
    """Describe a tensor, if it lies inside its storage and is no larger."""
    if not isinstance(storage, Storage) or not _is_count(offset):
        raise PickleError("a tensor without a storage")
    if not _are_counts(shape) or not _are_counts(stride) or len(shape) != len(stride):
        raise PickleError("a tensor of an impossible shape")
    count = prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if count > storage.count or (count and last >= storage.count):
        raise PickleError("a tensor larger than its storage")
    return Stored(storage, offset, shape, stride)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _are_counts(values: Any) -> bool:
    few = isinstance(values, tuple) and len(values) <= MOST_DIMENSIONS
    return few and all(map(_is_count, values))
