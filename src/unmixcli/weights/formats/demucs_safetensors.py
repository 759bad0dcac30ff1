"""Demucs 4.1 in safetensors: half-precision tensors, and a constructor in the metadata.

The authors' own reader imports whatever class the metadata name, and calls it. Here the
name is looked up among the published classes and stays text. A quantised state is
flattened: ``structure`` says in JSON how its tensors were nested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from torch import Tensor

from unmixcli.weights.formats import diffq, safetensors_file
from unmixcli.weights.formats.pickle_data import CLASSES, Name, PickleError
from unmixcli.weights.formats.safetensors_file import SafetensorsError
from unmixcli.weights.formats.torch_checkpoint import Checkpoint, generation, refusal
from unmixcli.weights.snapshot import Snapshot

DEEPEST = 20


def read(snapshot: Snapshot) -> Checkpoint:
    """Read a file of Demucs 4.1.

    Raises:
        WeightsError: It is none, or is damaged.
    """
    try:
        return interpret(*safetensors_file.read(snapshot))
    except (PickleError, SafetensorsError) as error:
        raise refusal(snapshot, error) from error


def interpret(tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> Checkpoint:
    """Find constructor and state.

    Raises:
        PickleError: The metadata are not those of Demucs.
    """
    name = metadata.get("klass", "")
    if name not in CLASSES:
        raise PickleError(f"the class {name[:60]!r}")
    arguments, options = _json(metadata, "args"), _json(metadata, "kwargs")
    if not isinstance(arguments, list) or not isinstance(options, dict):
        raise PickleError("a class without arguments")
    state: Any = tensors
    if "structure" in metadata:
        state = diffq.parse(_nested(_json(metadata, "structure"), tensors, DEEPEST))
    return Checkpoint(
        state=state,
        system=generation(name),
        name=name,
        arguments=tuple(arguments),
        options=options,
    )


def _json(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key], object_hook=_fraction)
    except (KeyError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise PickleError(f"metadata '{key}' that cannot be read") from error


def _fraction(values: dict[str, Any]) -> Any:
    """JSON has no fractions: they are written as objects."""
    if values.get("_type") == "fraction":
        return Fraction(int(values["numerator"]), int(values["denominator"]))
    return values


def _nested(node: Any, tensors: Mapping[str, Tensor], depth: int) -> Any:
    """Put tensors back where the structure says."""
    if not depth:
        raise PickleError("a structure that is too deep")
    if isinstance(node, dict) and len(node) == 1:
        [(kind, value)] = node.items()
        match kind, value:
            case "_tensor", str() if value in tensors:
                return tensors[value]
            case "_class", str():
                return Name(value)
            case (("_list" | "_tuple"), list()):
                items = [_nested(item, tensors, depth - 1) for item in value]
                return items if kind == "_list" else tuple(items)
            case "_dict", list() if all(isinstance(p, list) and len(p) == 2 for p in value):
                return {str(key): _nested(item, tensors, depth - 1) for key, item in value}
    if isinstance(node, dict | list):
        raise PickleError("a structure that cannot be read")
    return node
