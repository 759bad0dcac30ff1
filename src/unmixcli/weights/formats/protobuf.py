"""The wire format of protocol buffers, read without their schemas.

A message is fields, a field is a number, a kind and a value; nothing recurses here, and nothing
is copied but the values. https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, below 2**64, and the place after it.

    Raises:
        ValueError: It does not end, or is too large.
    """
    value = 0
    for index, octet in enumerate(data[at : at + 10]):
        value |= (octet & 0x7F) << 7 * index
        if octet < 0x80:
            if value >> 64:
                break
            return value, at + index + 1
    raise ValueError("a number is too long or cut short")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: their numbers and unsigned or raw values.

    Raises:
        ValueError: It is damaged.
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"a message has a field of unknown kind {kind}")
        if size > len(data) - at:
            raise ValueError("a message is cut short")
        raw, at = data[at : at + size], at + size
        yield number, raw if kind == BYTES else int.from_bytes(raw, "little")


def message(data: bytes, defaults: Mapping[int, int | bytes]) -> dict[int, Any]:
    """Return the fields of a message that has each at most once.

    Args:
        data: The message.
        defaults: What the known fields are where they are left out, and of which type.
            The unknown are passed over, as a newer writer's.

    Raises:
        ValueError: It is damaged, or repeats a field.
    """
    found: dict[int, Any] = {}
    for number, value in fields(data):
        if number not in defaults:
            continue
        if number in found or type(value) is not type(defaults[number]):
            raise ValueError(f"a message has a wrong field {number}")
        found[number] = value
    return {**defaults, **found}
