"""The weights that Keras 2 keeps in HDF5, alone or beside the model that they belong to.

    [model_weights/]            attributes layer_names, backend
        <layer>/                attribute weight_names
            <weight's path>     an array

The model's configuration, which lies beside them and may hold code, is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

from unmixcli.errors import DeviceError, WeightsError
from unmixcli.weights.formats import hdf5

WHOLE = "model_weights"  # where a whole model has its weights; alone, they are at the root
BACKENDS = ("tensorflow", "theano", "cntk")
LONGEST_NAME = 1000


@dataclass(frozen=True, kw_only=True)
class KerasWeights:
    """What a file holds.

    Attributes:
        backend: Which library computed the network. Theano's convolutions run backwards: its
            kernels are to be reversed along their width for any other.
        state: Tensors as stored, by ``<layer>/<weight>``, in the order of layers.
    """

    backend: str
    state: dict[str, Tensor]


def read(path: Path) -> KerasWeights:
    """Read the weights of a Keras 2 model.

    Raises:
        WeightsError: The file is absent, damaged or not of Keras.
        DeviceError: Memory does not suffice.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file '{path}'", hint="check the name and its folder")
    try:
        with path.open("rb") as file:
            return parse(file, path)
    except OSError as error:
        raise WeightsError(f"cannot read '{path}': {error.strerror}") from error


def parse(file: BufferedIOBase, path: Path) -> KerasWeights:
    """Read the weights of a Keras 2 model that is open, or in memory.

    Args:
        file: Its bytes.
        path: Where they came from, for errors.

    Raises:
        WeightsError: The file is damaged or not of Keras.
        DeviceError: Memory does not suffice.
    """
    try:
        group = hdf5.root(file)
        if WHOLE in group:
            group = group.child(WHOLE)
        return KerasWeights(backend=_backend(group), state=_state(group))
    except MemoryError as error:
        raise DeviceError(
            f"out of memory while loading '{path}'", hint="close other programs"
        ) from error
    except ValueError as error:
        raise WeightsError(
            f"'{path}' is not a file of Keras weights: {error}",
            hint="it was damaged or made otherwise: get it again",
        ) from error


def _backend(group: hdf5.Node) -> str:
    said = group.attribute("backend")
    if not isinstance(said, str):
        said = said.tobytes().rstrip(b"\0").decode(errors="replace")
    if said not in BACKENDS:
        raise ValueError(f"its backend is none of {', '.join(BACKENDS)}")
    return said


def _names(group: hdf5.Node, attribute: str) -> list[str]:
    values = group.attribute(attribute)
    if isinstance(values, str) or values.ndim != 1:
        raise ValueError(f"its '{attribute}' are not names")
    if values.size == 0:  # which numpy takes for numbers
        return []
    if values.dtype.kind != "S":
        raise ValueError(f"its '{attribute}' are not names")
    names = [name.decode() for name in values.tolist()]
    if any(len(name) > LONGEST_NAME or not name.isprintable() for name in names):
        raise ValueError(f"its '{attribute}' are not names")
    if len(set(names)) < len(names):
        raise ValueError(f"its '{attribute}' have a name twice")
    return names


def _state(group: hdf5.Node) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for layer in _names(group, "layer_names"):
        folder = _follow(group, layer)
        for weight in _names(folder, "weight_names"):
            # A layer used twice is 'conv_1' in the path of its weights.
            name = f"{layer}/{weight.rpartition('/')[2].removesuffix(':0')}"
            values = _follow(folder, weight).array()
            if name in state or values.size == 0:
                raise ValueError(f"it has '{name}' twice or empty")
            state[name] = torch.from_numpy(values)
    return state


def _follow(group: hdf5.Node, path: str) -> hdf5.Node:
    for name in path.split("/"):
        group = group.child(name)
    return group
