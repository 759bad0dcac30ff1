"""Which reader a file of weights needs."""

from __future__ import annotations

import io
from collections.abc import Callable

from unmixcli.errors import WeightsError
from unmixcli.weights.formats import (
    demucs_safetensors,
    keras_hdf5,
    safetensors_file,
    tensorflow_bundle,
    torch_checkpoint,
)
from unmixcli.weights.formats.safetensors_file import SafetensorsError
from unmixcli.weights.formats.torch_checkpoint import Checkpoint
from unmixcli.weights.snapshot import Snapshot

HDF5_START = b"\x89HDF\r\n\x1a\n"


def _keras(found: Snapshot) -> Checkpoint:
    held = keras_hdf5.parse(io.BytesIO(found.data[:]), found.path)
    if held.backend != "theano":  # the others do not reverse kernels, and a file of ours is new
        raise WeightsError(f"'{found.path}' is not of Keras on Theano, but on {held.backend[:40]}")
    return Checkpoint(state=held.state)


def _bundle(found: Snapshot) -> Checkpoint:
    # The optimiser's state lies in the same files under another name.
    return Checkpoint(state=tensorflow_bundle.read(found.path, prefix="separator/"))


def _plain(found: Snapshot) -> Checkpoint:
    try:
        return Checkpoint(state=safetensors_file.read(found)[0])
    except SafetensorsError as error:
        raise torch_checkpoint.refusal(found, error) from error


READERS: dict[str, Callable[[Snapshot], Checkpoint]] = {
    "torch-state": torch_checkpoint.read,
    "demucs-v1": torch_checkpoint.read,
    "demucs-v2-diffq": torch_checkpoint.read,
    "demucs-package": torch_checkpoint.read,
    "demucs-safetensors": demucs_safetensors.read,
    "safetensors-state": _plain,
    "keras-hdf5": _keras,
    "tensorflow-bundle": _bundle,
}
"""By the manifest's name of the format; the native one has a module of its own."""


def read(found: Snapshot, name: str) -> Checkpoint:
    """Read a published file.

    Args:
        found: The file.
        name: The manifest's name of its format.

    Raises:
        WeightsError: The format is not read here, or the file is damaged.
    """
    if name not in READERS:
        raise WeightsError(f"'{found.path}' is in a format not read here: {name}")
    return READERS[name](found)


def recognise(found: Snapshot) -> str:
    """Return the format of a file, by its first bytes; ``torch-state`` where unknown."""
    start = found.data[:16]
    if start.startswith(HDF5_START):
        return "keras-hdf5"
    # A safetensors file begins with the length of its header, and the header.
    if start[8:9] == b"{":
        return _dialect(found)
    return "torch-state"


def _dialect(found: Snapshot) -> str:
    """Return whose safetensors file it is."""
    try:
        _, metadata = safetensors_file.read(found)
    except SafetensorsError:
        return "native"  # whose reader says what is wrong with it
    if "unmixcli" in metadata:
        return "native"
    return "demucs-safetensors" if "klass" in metadata else "safetensors-state"
