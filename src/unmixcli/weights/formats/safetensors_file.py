"""A safetensors file: tensors by name, and text about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from unmixcli.errors import WeightsError
from unmixcli.weights import snapshot
from unmixcli.weights.snapshot import Snapshot

LARGEST_HEADER = 1 << 21
"""Bytes; the largest networks have a tenth. Each entry makes a tensor, however empty."""


class SafetensorsError(ValueError):
    """The file is no safetensors file, or is damaged."""


def read(found: Snapshot) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a file's tensors, and its metadata.

    Raises:
        SafetensorsError: The file is damaged: the library checks that tensors lie in
            it without gaps and overlaps, and we that no name is there twice.
    """
    length = int.from_bytes(found.data[:8], "little")
    if length > LARGEST_HEADER:
        raise SafetensorsError("no header of a possible length")
    try:
        tensors = load(found.data[:])
        header = json.loads(found.data[8 : 8 + length], object_pairs_hook=_distinct)
    # torch has dimensions that the library does not check: RuntimeError and the like.
    except (
        SafetensorError,
        ValueError,
        TypeError,
        RuntimeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        AssertionError,
    ) as error:
        raise SafetensorsError(str(error) or type(error).__name__) from error
    metadata = header.get("__metadata__") or {}
    return tensors, {str(key): str(value) for key, value in metadata.items()}


def read_metadata(path: Path) -> dict[str, str]:
    """Return a file's metadata, without reading its tensors.

    Raises:
        SafetensorsError: It has none that can be read.
        WeightsError: There is no such file.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise WeightsError(f"'{path}' is not a regular file")
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LARGEST_HEADER:
                raise SafetensorsError("no header of a possible length")
            header = json.loads(file.read(length), object_pairs_hook=_distinct)
        return {str(key): str(value) for key, value in header["__metadata__"].items()}
    except OSError as error:
        raise snapshot.unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SafetensorsError("no metadata") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found
