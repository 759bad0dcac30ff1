"""The native format: one safetensors file that says in its header what it is.

The header's metadata key ``unmixcli`` holds one JSON object::

    schema        1
    architecture  a module of unmixcli.models
    config        its hyper-parameters: sources, sample_rate, channels, ...
    inference     the schedule it is to be cut with
    licence       SPDX identifier of the weights
    provenance    free text: data, recipe, credits

Nothing in it names code: the architecture is looked up in a fixed registry and the
configuration is checked against bounds before anything is allocated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from unmixcli.errors import ConfigError, DeviceError, WeightsError, is_out_of_memory
from unmixcli.network import ModelConfig
from unmixcli.schedule import Schedule
from unmixcli.weights.registry import architecture, configure

SCHEMA = 1
KEY = "unmixcli"
SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a native file says of itself.

    Attributes:
        architecture: A module of :mod:`unmixcli.models`.
        config: Its hyper-parameters.
        schedule: How its authors cut a track.
        licence: SPDX identifier of the weights.
        provenance: Data, recipe and credits, for people.
    """

    architecture: str
    config: ModelConfig
    schedule: Schedule
    licence: str
    provenance: str

    def to_json(self) -> str:
        """Return the header's JSON text."""
        return json.dumps(
            {
                "schema": SCHEMA,
                "architecture": self.architecture,
                "config": asdict(self.config),
                "inference": self.schedule.to_json(),
                "licence": self.licence,
                "provenance": self.provenance,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Header:
        """Read a header.

        Raises:
            ConfigError: It is not ours, of another schema, or impossible.
        """
        try:
            values = json.loads(text)
            if values["schema"] != SCHEMA:
                raise ConfigError(f"schema {values['schema']!r} is not {SCHEMA}")
            return cls(
                architecture=str(values["architecture"]),
                config=configure(values["architecture"], values["config"]),
                schedule=Schedule.from_json(values["inference"]),
                licence=str(values["licence"]),
                provenance=str(values["provenance"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"no valid '{KEY}' header: {error!r}") from error


def save(path: Path, state: Mapping[str, Tensor], header: Header) -> None:
    """Write a network's state and header as one native file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, path, metadata={KEY: header.to_json()})


def read_header(path: Path) -> Header:
    """Read what a native file says of itself.

    Raises:
        WeightsError: The file is absent, damaged or not native.
    """
    with _opened(path) as file:
        return Header.from_json((file.metadata() or {}).get(KEY, ""))


def load(path: Path) -> tuple[Header, nn.Module]:
    """Read a native file and build its network, in float32 and evaluation mode.

    Raises:
        WeightsError: The file is absent, damaged, not native, or does not fit
            the architecture that it names.
    """
    header = read_header(path)
    network = blank(header.architecture, header.config)
    with _opened(path) as file:
        names = list(file.keys())
        shapes = {name: list(file.get_slice(name).get_shape()) for name in names}
        _require_fit(str(path), network, shapes)  # before any tensor is read
        state = {name: file.get_tensor(name) for name in names}
    return header, fill(network, state, name=str(path))


def blank(name: str, config: ModelConfig) -> nn.Module:
    """Build a network without memory for its weights, to be filled with a state."""
    with torch.device("meta"):
        return architecture(name).build(config)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise WeightsError(f"no weights file '{path}'", hint="check the name and its folder")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, ConfigError, OSError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise DeviceError(
                f"out of memory while loading '{path}'", hint="close other programs"
            ) from error
        raise WeightsError(
            f"'{path}' is not a file of unmixcli weights: {error}",
            hint="--model takes a name of the manifest or a file written by unmixcli",
        ) from error


def fill(network: nn.Module, state: Mapping[str, Any], *, name: str) -> nn.Module:
    """Put a state into a network, as float32 and in evaluation mode.

    Args:
        network: Blank, or freshly built.
        state: Tensors by name; half precision is widened.
        name: Where it came from, for errors.

    Raises:
        WeightsError: Names or shapes differ, or a weight is not finite.
    """
    _require_fit(name, network, {key: list(value.shape) for key, value in state.items()})
    widened: dict[str, Tensor] = {}
    for key, tensor in state.items():
        widened[key] = tensor.float() if tensor.is_floating_point() else tensor
        if not torch.isfinite(widened[key]).all():
            raise WeightsError(f"'{name}' has a weight that is not finite in '{key}'")
    network.load_state_dict(widened, strict=True, assign=True)
    return network.eval()


def _require_fit(name: str, network: nn.Module, shapes: Mapping[str, list[int]]) -> None:
    """Compare names and shapes, which costs no memory even where they lie."""
    wanted = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    wrong = [f"'{key}' is missing" for key in wanted if key not in shapes]
    wrong += [f"'{key}' is unexpected" for key in shapes if key not in wanted]
    wrong += [
        f"'{key}' is {shapes[key]} where {shape} is expected"
        for key, shape in wanted.items()
        if key in shapes and shapes[key] != shape
    ]
    if wrong:
        raise WeightsError(f"'{name}' does not fit its architecture: {'; '.join(wrong[:3])}")
