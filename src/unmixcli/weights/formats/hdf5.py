"""The part of HDF5 that h5py has always written unless told otherwise, in plain Python.

    superblock ─▶ object header of the root: messages
                    attribute                            its value
                    symbol table ─▶ tree ─▶ nodes ─▶ object headers of what is in the group
                    dataspace, datatype, layout ─▶ the array's bytes

libhdf5 loops or crashes on damaged files, which Python can neither stop nor catch. Here nothing
is followed that h5py does not write of its own accord: no links, no other files, no filters, no
virtual or chunked arrays, nothing shared; and how much is read is bounded by the file's size,
however its parts refer to each other.
https://support.hdfgroup.org/documentation/hdf5/latest/_s_p_e_c.html
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import cached_property
from io import BufferedIOBase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmixcli.weights.formats.hdf5_types import NEWER, dtype_of, shape_of, unpack

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK = 96  # bytes

DATASPACE, DATATYPE, EXTERNAL, LAYOUT, FILTERS = 0x01, 0x03, 0x07, 0x08, 0x0B
ATTRIBUTE, CONTINUATION, SYMBOL_TABLE = 0x0C, 0x10, 0x11
READ = (DATASPACE, DATATYPE, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE)
SHARED = 2

COMPACT, CONTIGUOUS = 0, 1  # layouts
SOFT_LINK = 2

LARGEST_STRUCTURE = 1 << 24  # bytes of everything that is not an array


class _Source:
    """An open file, of which each part is read about once."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        # h5py reads no part twice; a cycle of references would.
        self._structure = min(LARGEST_STRUCTURE, 4 * self.size)
        self._arrays = self.size

    def take(self, offset: int, size: int) -> bytes:
        """Read a part of the file's structure."""
        self.charge(size)
        self._seek(offset, size)
        part = self._file.read(size)
        if len(part) != size:
            raise ValueError("it became shorter while it was read")
        return part

    def charge(self, size: int) -> None:
        """Count bytes of structure that have been looked at."""
        self._structure -= size
        if self._structure < 0:
            raise ValueError("its parts refer to each other without end")

    def array(self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read an array."""
        size = math.prod(shape) * dtype.itemsize
        self._arrays -= size
        if self._arrays < 0:
            raise ValueError("it claims more than it holds")
        self._seek(offset, size)
        values = np.empty(shape, dtype)
        if self._file.readinto(values.reshape(-1).view(np.uint8).data) != size:
            raise ValueError("it became shorter while it was read")
        return values

    def _seek(self, offset: int, size: int) -> None:
        if offset + size > self.size:
            raise ValueError("a part of it lies outside the file")
        self._file.seek(offset)


class Node:
    """A group or an array, with its attributes."""

    def __init__(self, source: _Source, address: int) -> None:
        self._source = source
        self._messages: list[tuple[int, bytes]] = []
        self._opened: dict[str, Node] = {}
        version, _, _, _, size = unpack("BBHII", source.take(address, 16))
        if version != 1:
            raise ValueError(NEWER)
        chunks = [(address + 16, size)]
        while chunks:
            for kind, body in _messages(source.take(*chunks.pop())):
                if kind == CONTINUATION:
                    offset, size = unpack("QQ", body)
                    chunks.append((offset, size))
                else:
                    self._messages.append((kind, body))

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._children

    def child(self, name: str) -> Node:
        """Open what a group has by a name.

        Raises:
            ValueError: It has none, it is a link, or damaged.
        """
        if name not in self._opened:
            if name not in self:
                raise ValueError(f"it has no '{name}'")
            address, kind = self._children[name.encode()]
            if kind == SOFT_LINK:
                raise ValueError(f"its '{name}' is a link")
            self._opened[name] = Node(self._source, address)
        return self._opened[name]

    def attribute(self, name: str) -> NDArray[Any] | str:
        """Return an attribute: numbers, texts of fixed length, or one of any length.

        Raises:
            ValueError: There is none, or it is something else, or damaged.
        """
        for kind, body in self._messages:
            if kind != ATTRIBUTE:
                continue
            version, _, *sizes = unpack("BBHHH", body)
            if version != 1:  # of those that h5py writes, the ones with foreign names
                continue
            at, parts = 8, []
            for size in sizes:
                parts.append(body[at : at + size])
                at += (size + 7) // 8 * 8
            if parts[0].split(b"\0")[0] == name.encode():
                return self._value(name, parts[1], parts[2], body[at:])
        raise ValueError(f"it has no '{name}'")

    def array(self) -> NDArray[Any]:
        """Read an array of numbers.

        Raises:
            ValueError: It is none, is not in the file as it is, or is damaged.
        """
        layout, shape = self._only(LAYOUT), shape_of(self._only(DATASPACE))
        dtype = dtype_of(self._only(DATATYPE))
        version, kind = unpack("BB", layout)
        elsewhere = any(other in (EXTERNAL, FILTERS) for other, _ in self._messages)
        if version != 3 or kind not in (COMPACT, CONTIGUOUS) or elsewhere:
            raise ValueError("an array of it is chunked, compressed, virtual or in another file")
        if dtype is None or dtype.kind not in "fi":
            raise ValueError("an array of it is not of numbers")
        size = math.prod(shape) * dtype.itemsize
        if kind == COMPACT:
            (stored,) = unpack("H", layout, 2)
            values = np.frombuffer(layout[4 : 4 + stored], dtype).reshape(shape).copy()
        else:
            offset, stored = unpack("QQ", layout, 2)
            if size == 0 or size != stored:
                raise ValueError("an array of it has more or fewer bytes than it needs")
            values = self._source.array(offset, shape, dtype)
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _only(self, kind: int) -> bytes:
        found = [body for other, body in self._messages if other == kind]
        if len(found) != 1:
            raise ValueError("something in it is not the group or the array that it should be")
        return found[0]

    @cached_property
    def _children(self) -> dict[bytes, tuple[int, int]]:
        """What a group has by name: where it is, and whether it is a link."""
        tree, heap = unpack("QQ", self._only(SYMBOL_TABLE))
        signature, size, _, start = unpack("4s4xQQQ", self._source.take(heap, 32))
        names = self._source.take(start, size)
        children: dict[bytes, tuple[int, int]] = {}
        for at, address, kind in _symbols(self._source, tree):
            end = names.find(b"\0", at)
            if signature != b"HEAP" or end < 0 or names[at:end] in children:
                raise ValueError("a group of it has damaged names")
            self._source.charge(end - at)  # a name may be the end of another
            children[names[at:end]] = address, kind
        return children

    def _value(self, name: str, dtype: bytes, shape: bytes, data: bytes) -> NDArray[Any] | str:
        kind, dimensions = dtype_of(dtype), shape_of(shape)
        if kind is not None:
            size = math.prod(dimensions) * kind.itemsize
            return np.frombuffer(data[:size], kind).reshape(dimensions)
        if dimensions:  # all of them may be the same long one
            raise ValueError(f"its '{name}' are texts of any length")
        return _text(self._source, data)


def root(file: BufferedIOBase) -> Node:
    """Open the group that an HDF5 file begins with.

    Every method of what comes of it raises ValueError where the file is damaged.

    Raises:
        ValueError: The file is something else, damaged or of a kind not read here.
    """
    source = _Source(file)
    start = source.take(0, min(SUPERBLOCK, source.size))
    if start[:8] != SIGNATURE:
        raise ValueError("it is not HDF5")
    version, offsets, lengths, base, end, address = unpack("8xB4xBB9xQ8xQ16xQ", start)
    if (version, offsets, lengths, base) != (0, 8, 8, 0):
        raise ValueError(NEWER)
    if end > source.size:
        raise ValueError(f"it is cut short: {source.size} bytes of {end}")
    return Node(source, address)


def _messages(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kinds and the bodies of the messages of an object header that are read."""
    at = 0
    while at + 8 <= len(chunk):
        kind, size, flags = unpack("HHB", chunk, at)
        at += 8 + size
        if at > len(chunk):
            raise ValueError("a part of it is cut short")
        if kind in READ:
            if flags & SHARED:
                raise ValueError(NEWER)
            yield kind, chunk[at - size : at]


def _symbols(source: _Source, tree: int) -> Iterator[tuple[int, int, int]]:
    """Yield a group's symbols: where its name is in the heap, where it is, and its kind."""
    waiting = [tree]
    while waiting:
        address = waiting.pop()
        signature, used = unpack("4sxxH", source.take(address, 8))
        if signature == b"TREE":  # after its two siblings: its children, each between two keys
            waiting += unpack("8xQ" * used, source.take(address + 24, 16 * used + 8))
        elif signature == b"SNOD":
            yield from struct.iter_unpack("<QQI20x", source.take(address + 8, 40 * used))
        else:
            raise ValueError("a group of it is damaged")


def _text(source: _Source, data: bytes) -> str:
    """Read a text of any length, which lies in a heap as one of its objects."""
    length, heap, wanted = unpack("IQI", data)
    signature, end = unpack("4s4xQ", source.take(heap, 16))
    at = 16
    while signature == b"GCOL" and at + 16 <= end:
        index, size = unpack("H6xQ", source.take(heap + at, 16))
        at += 16
        if index == wanted != 0 and length <= size:
            return source.take(heap + at, length).decode()
        if index == 0:  # what is free is the last, and counts its header
            break
        at += (size + 7) // 8 * 8
    raise ValueError("a text of it is not where it should be")
