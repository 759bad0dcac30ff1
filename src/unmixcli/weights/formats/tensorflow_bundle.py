"""The checkpoints of TensorFlow's Saver, version 2: an index beside shards of raw numbers.

    <name>.index                 a sorted table: names, types, shapes, places, checksums
    <name>.data-00000-of-00001   the tensors, row by row, little-endian
    <name>.meta                  the graph, which is not needed and not read

Everything the index says is held against the size of the shards before memory is asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unmixcli.errors import DeviceError, WeightsError
from unmixcli.weights.formats import protobuf
from unmixcli.weights.formats.crc32c import masked_crc32c
from unmixcli.weights.formats.sstable import entries

INDEX = ".index"
SUFFIX = re.compile(r"(?<=.)\.(index|meta|data-\d{5}-of-\d{5})$")

LARGEST_INDEX = 1 << 20  # bytes; published networks need 10 000
LONGEST_NAME = 1000
DEEPEST = 8  # dimensions

# The numbers of TensorFlow's DataType, those that weights are kept in and some that are refused.
DTYPES = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 19: "float16"}
REFUSED = {
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    10: "bool",
    14: "bfloat16",
    18: "complex128",
    20: "resource",
    21: "variant",
}


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """Where a tensor is: its bytes, ``size`` of them from ``offset`` of a shard."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def read(path: Path, *, prefix: str = "") -> dict[str, Tensor]:
    """Read the variables of a checkpoint, as TensorFlow has them.

    Args:
        path: Any of its files, their common name without a suffix, or a folder that holds
            no other checkpoint.
        prefix: Read only the variables whose names start so. An optimiser's, which take
            twice the memory of the network's, are known by their own.

    Returns:
        Tensors by name, in the order of names.

    Raises:
        WeightsError: There is no such checkpoint, it is damaged, or has what is not read here.
        DeviceError: Memory does not suffice.
    """
    try:
        checkpoint = _checkpoint(path)
        shards, index = _index(_file(checkpoint, INDEX), prefix)
        return _tensors(checkpoint, shards, index)
    except MemoryError as error:
        raise DeviceError(
            f"out of memory while loading '{path}'", hint="close other programs"
        ) from error
    except OSError as error:
        raise WeightsError(f"cannot read '{path}': {error.strerror}") from error
    except ValueError as error:
        raise WeightsError(
            f"'{path}' is not a TensorFlow checkpoint: {error}",
            hint="its files were damaged, lost or made otherwise: get all of them again",
        ) from error


def _checkpoint(path: Path) -> Path:
    """Return the name that a checkpoint's files share."""
    if path.is_dir():
        found = [file for file in sorted(path.glob(f"*{INDEX}")) if file.is_file()]
        if len(found) != 1:
            said = ", ".join(f"'{file.stem}'" for file in found[:5]) or "none"
            raise WeightsError(
                f"'{path}' has to hold one TensorFlow checkpoint and holds {said}",
                hint=f"name the {INDEX} file of the one that is meant",
            )
        path = found[0]
    checkpoint = path.with_name(SUFFIX.sub("", path.name))
    if not path.is_file() and not checkpoint.with_name(checkpoint.name + INDEX).is_file():
        raise WeightsError(f"no weights file '{path}'", hint="check the name and its folder")
    return checkpoint


def _file(checkpoint: Path, suffix: str) -> Path:
    file = checkpoint.with_name(checkpoint.name + suffix)
    if not file.is_file():  # also: a pipe would be waited for
        raise ValueError(f"there is no file '{file.name}'")
    return file


def _index(file: Path, prefix: str) -> tuple[int, dict[str, _Entry]]:
    """Return the number of shards, and where in them the variables are."""
    with file.open("rb") as opened:
        table = opened.read(LARGEST_INDEX + 1)
    if len(table) > LARGEST_INDEX:
        raise ValueError(f"its index is larger than {LARGEST_INDEX} bytes")
    rows = entries(table)
    key, header = next(rows, (None, b""))
    if key != b"":
        raise ValueError("its index has no header")
    start = prefix.encode()
    wanted = ((_name(key), value) for key, value in rows if key.startswith(start))
    return _shards(header), {name: _entry(name, value) for name, value in wanted}


def _shards(header: bytes) -> int:
    """Return the number of shards that a BundleHeaderProto tells of."""
    shards, big_endian, version = 1, 2, 3
    said = protobuf.message(header, {shards: 0, big_endian: 0, version: b""})
    oldest_reader = 2
    if said[big_endian] or protobuf.message(said[version], {oldest_reader: 0})[oldest_reader] > 1:
        raise ValueError("it is big-endian, or of a version not known here")
    return int(said[shards])


def _name(key: bytes) -> str:
    name = key.decode()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a variable is called {name[:40]!r}")
    return name


def _entry(name: str, value: bytes) -> _Entry:
    """Decode a BundleEntryProto."""
    dtype, shape, shard, offset, size, checksum, slices = range(1, 8)
    numbers = dict.fromkeys((dtype, shard, offset, size, checksum), 0)
    if any(number == slices for number, _ in protobuf.fields(value)):
        raise ValueError(f"'{name}' is saved in slices, which are not read")
    said = protobuf.message(value, {shape: b"", **numbers})
    if said[dtype] not in DTYPES:
        kind = REFUSED.get(said[dtype], f"type {said[dtype]}")
        raise ValueError(f"'{name}' is {kind}, which is not read")
    entry = _Entry(
        dtype=np.dtype(DTYPES[said[dtype]]).newbyteorder("<"),
        shape=_shape(name, said[shape]),
        shard=said[shard],
        offset=said[offset],
        size=said[size],
        checksum=said[checksum],
    )
    if entry.size == 0 or math.prod(entry.shape) * entry.dtype.itemsize != entry.size:
        raise ValueError(f"'{name}' has {entry.size} bytes, which is not what its shape needs")
    return entry


def _shape(name: str, message: bytes) -> tuple[int, ...]:
    """Decode a TensorShapeProto; what is negative there is beyond any file here."""
    dimension, unknown, size = 2, 3, 1
    shape: list[int] = []
    for number, value in protobuf.fields(message):
        if number == unknown and value:
            raise ValueError(f"'{name}' has an unknown number of dimensions")
        if number == dimension:
            if len(shape) == DEEPEST or not isinstance(value, bytes):
                raise ValueError(f"'{name}' has more than {DEEPEST} dimensions, or damaged ones")
            shape.append(protobuf.message(value, {size: 0})[size])
    return tuple(shape)


def _tensors(checkpoint: Path, shards: int, index: Mapping[str, _Entry]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for number in sorted({entry.shard for entry in index.values()}):
        if number >= shards:
            raise ValueError(f"there is no shard {number} of {shards}")
        mine = {name: entry for name, entry in index.items() if entry.shard == number}
        with _file(checkpoint, f".data-{number:05d}-of-{shards:05d}").open("rb") as file:
            _require_room(file, mine)
            state |= {name: _tensor(file, name, entry) for name, entry in mine.items()}
    return {name: state[name] for name in index}


def _require_room(file: BufferedIOBase, index: Mapping[str, _Entry]) -> None:
    """See that a shard has all it should before any of it is read: each byte is read once."""
    room, free = file.seek(0, 2), 0
    for name, entry in sorted(index.items(), key=lambda item: item[1].offset):
        if entry.offset < free or entry.offset + entry.size > room:
            raise ValueError(f"'{name}' lies outside its shard, or on another variable")
        free = entry.offset + entry.size


def _tensor(file: BufferedIOBase, name: str, entry: _Entry) -> Tensor:
    values = np.empty(math.prod(entry.shape), entry.dtype)
    file.seek(entry.offset)
    if file.readinto(values.view(np.uint8).data) != entry.size:
        raise ValueError(f"'{name}' is cut short")
    if masked_crc32c(values) != entry.checksum:
        raise ValueError(f"'{name}' fails its checksum")
    native = values.astype(entry.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(native.reshape(entry.shape))
