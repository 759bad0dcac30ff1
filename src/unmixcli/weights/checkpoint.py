"""The native format: one safetensors file that says in its header what it is.

The header's metadata key ``unmixcli`` holds one JSON object::

    schema        1
    architecture  a module of unmixcli.models
    config        its hyper-parameters: sources, sample_rate, channels, ...
    inference     the schedule it is to be cut with
    licence       SPDX identifier of the weights
    provenance    free text: data, recipe, credits
    quantised     of each quantised weight: low, high, bits (or null), shape

A quantised weight ``x`` lies in the file as ``x.levels``, (groups, size of a group),
and, where ``bits`` is null, ``x.bits``, (groups, 1); see :mod:`.quantised`.

Nothing in it names code: the architecture is looked up in a fixed registry and the
configuration is checked against bounds before anything is allocated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from unmixcli.errors import ConfigError, WeightsError
from unmixcli.network import ModelConfig
from unmixcli.schedule import Schedule
from unmixcli.weights import snapshot
from unmixcli.weights.formats import safetensors_file
from unmixcli.weights.plain import brief
from unmixcli.weights.quantised import Quantised, State, dense
from unmixcli.weights.registry import architecture, configure
from unmixcli.weights.snapshot import Snapshot

SCHEMA = 1
KEY = "unmixcli"
SUFFIX = ".safetensors"
LONGEST_LICENCE, LONGEST_PROVENANCE = 64, 500

DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError)
"""What else a header may provoke: numbers beyond all bounds, other values than ours, depth."""


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

    def __post_init__(self) -> None:
        if brief(self.licence) != self.licence or len(self.licence) > LONGEST_LICENCE:
            raise ConfigError(f"no licence is called '{brief(self.licence)}'")

    def to_json(self) -> dict[str, Any]:
        """Return the header as plain JSON values."""
        return {
            "schema": SCHEMA,
            "architecture": self.architecture,
            "config": asdict(self.config),
            "inference": self.schedule.to_json(),
            "licence": self.licence,
            "provenance": self.provenance,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Header:
        """Read a header.

        Raises:
            ConfigError: It is not ours, of another schema, or impossible.
        """
        try:
            if values["schema"] != SCHEMA:
                raise ConfigError(f"schema {values['schema']!r:.40} is not {SCHEMA}")
            return cls(
                architecture=str(values["architecture"]),
                config=configure(values["architecture"], values["config"]),
                schedule=Schedule.from_json(values["inference"]),
                licence=str(values["licence"]),
                provenance=brief(values["provenance"], LONGEST_PROVENANCE),
            )
        except (ValueError, TypeError, *DAMAGED) as error:
            raise ConfigError(f"no valid '{KEY}' header: {error!r}") from error


def save(path: Path, state: State, header: Header) -> None:
    """Write a network's state and header as one native file."""
    tensors: dict[str, Tensor] = {}
    quantised: dict[str, Any] = {}
    for name, weight in state.items():
        if isinstance(weight, Quantised):
            tensors[f"{name}.levels"] = weight.levels
            if isinstance(weight.bits, Tensor):
                tensors[f"{name}.bits"] = weight.bits.to(torch.uint8)
            quantised[name] = {
                "low": weight.low,
                "high": weight.high,
                "bits": weight.bits if isinstance(weight.bits, int) else None,
                "shape": list(weight.shape),
            }
        else:
            tensors[name] = weight
    text = json.dumps(header.to_json() | ({"quantised": quantised} if quantised else {}))
    save_file({name: _own(tensor) for name, tensor in tensors.items()}, path, metadata={KEY: text})


def _own(tensor: Tensor) -> Tensor:
    """Return a tensor whose memory no other is part of, as the format wants it."""
    plain = tensor.detach().cpu().contiguous()
    return plain if plain.untyped_storage().nbytes() == plain.nbytes else plain.clone()


def read(found: Snapshot) -> tuple[Header, State]:
    """Read a native file, without building its network.

    Raises:
        WeightsError: It is damaged or not native.
    """
    try:
        tensors, metadata = safetensors_file.read(found)
        values = json.loads(metadata.get(KEY, "null"))
        header = Header.from_json(values)
        for name, facts in values.get("quantised", {}).items():
            tensors[name] = _quantised(name, facts, tensors)  # type: ignore[assignment]
    except (ConfigError, ValueError, TypeError, *DAMAGED) as error:
        raise _foreign(found.path, error) from error
    return header, tensors


def _foreign(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"'{path}' is not a file of unmixcli weights: {brief(error)}",
        hint="--model takes a name of the manifest or a file written by unmixcli; "
        "'unmixcli models import' reads published files",
    )


def _quantised(name: str, facts: Mapping[str, Any], tensors: dict[str, Tensor]) -> Quantised:
    bits = facts["bits"]
    return Quantised(
        levels=tensors.pop(f"{name}.levels"),
        bits=tensors.pop(f"{name}.bits") if bits is None else int(bits),
        low=float(facts["low"]),
        high=float(facts["high"]),
        shape=tuple(int(size) for size in facts["shape"]),
    )


def read_header(path: Path) -> Header:
    """Read what a native file says of itself.

    Raises:
        WeightsError: The file is absent, damaged or not native.
    """
    try:
        text = safetensors_file.read_metadata(path).get(KEY, "null")
        return Header.from_json(json.loads(text))
    except (ConfigError, ValueError, *DAMAGED) as error:
        raise _foreign(path, error) from error


def load(path: Path) -> tuple[Header, nn.Module]:
    """Read a native file and build its network, in float32 and evaluation mode.

    Raises:
        WeightsError: The file is absent, damaged, not native, or does not fit
            the architecture that it names.
    """
    return build(snapshot.take(path))


def build(found: Snapshot) -> tuple[Header, nn.Module]:
    """Build the network of a native file that is in memory."""
    header, state = read(found)
    network = blank(header.architecture, header.config)
    return header, fill(network, state, name=str(found.path))


def blank(name: str, config: ModelConfig) -> nn.Module:
    """Build a network without memory for its weights, to be filled with a state."""
    with torch.device("meta"):
        return architecture(name).build(config)


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's parameters, in the order of registration."""
    return {name: tuple(weight.shape) for name, weight in network.named_parameters()}


def fill(network: nn.Module, state: State, *, name: str) -> nn.Module:
    """Put a state into a network, as float32 and in evaluation mode.

    Args:
        network: Blank, or freshly built.
        state: Weights by name; half precision and quantised ones are widened.
        name: Where it came from, for errors.

    Raises:
        WeightsError: Names, shapes or kinds differ, or a weight is not finite.
    """
    _require_fit(name, network, {key: list(value.shape) for key, value in state.items()})
    wanted = network.state_dict()
    widened: dict[str, Tensor] = {}
    for key, weight in state.items():
        tensor = dense(weight)
        if tensor.is_floating_point() != wanted[key].is_floating_point() or tensor.is_complex():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(f"'{name}' has numbers of type {kind} in '{key}'")
        widened[key] = tensor.float() if tensor.is_floating_point() else tensor
        if not torch.isfinite(widened[key]).all():
            raise WeightsError(f"'{name}' has a weight that is not finite in '{key}'")
    network.load_state_dict(widened, strict=True, assign=True)
    return network.eval()


def _require_fit(name: str, network: nn.Module, shapes: Mapping[str, list[int]]) -> None:
    """Compare names and shapes, which costs no memory even where they lie."""
    wanted = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    wrong = [f"'{key}' is missing" for key in wanted if key not in shapes]
    wrong += [f"'{brief(key[:100])}' is unexpected" for key in shapes if key not in wanted]
    wrong += [
        f"'{key}' is {brief(shapes[key])} where {shape} is expected"
        for key, shape in wanted.items()
        if key in shapes and shapes[key] != shape
    ]
    if wrong:
        raise WeightsError(f"'{name}' does not fit its architecture: {'; '.join(wrong[:3])}")
