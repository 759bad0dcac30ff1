"""Safetensors files, honest or not, put together by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from attacks import victims

Tensors = Mapping[str, tuple[str, tuple[int, ...], bytes]]
"""By name: type, shape and bytes."""


def assemble(header: bytes | str, body: bytes = b"", *, length: int | None = None) -> bytes:
    """Put any header before any body."""
    raw = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def entries(tensors: Tensors) -> tuple[dict[str, Any], bytes]:
    """Return what a header says of tensors, and their bytes."""
    said: dict[str, Any] = {}
    body = b""
    for name, (dtype, shape, raw) in tensors.items():
        place = [len(body), len(body) + len(raw)]
        said[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": place}
        body += raw
    return said, body


def file(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    said, body = entries(tensors)
    header = {"__metadata__": dict(metadata), **said} if metadata is not None else said
    return assemble(json.dumps(header), body)


def native(header: Mapping[str, Any] | str, tensors: Tensors) -> bytes:
    """A native file, whatever its header says."""
    said = header if isinstance(header, str) else json.dumps(header)
    return file(tensors, {"unmixcli": said})


def honest_tensors() -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {
        key: ("F32", tuple(weight.shape), victims.raw(weight))
        for key, weight in victims.weights().items()
    }


def honest() -> bytes:
    return native(victims.native_header(), honest_tensors())
