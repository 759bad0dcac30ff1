"""What a run must know to go on as if it had never stopped, in one file.

Plain values and tensors, nothing else: a safetensors file whose metadata holds the tree
as JSON, with names in the places of the tensors. It is read like any file of weights,
and nothing in it can name code.

There are no states of random generators in it: whatever is drawn in training is drawn
from the seed and the number of the step (:mod:`unmixcli.training.seeds`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from unmixcli.durable import durable
from unmixcli.errors import OutputError, WeightsError
from unmixcli.weights import snapshot
from unmixcli.weights.formats import safetensors_file
from unmixcli.weights.formats.safetensors_file import SafetensorsError

SCHEMA = 1
KEY = "unmixcli-run"
TENSOR = "tensor"

Tree = dict[str, Any]
"""Values of JSON and tensors, in dicts with names and in lists."""


def save(path: Path, tree: Tree) -> None:
    """Write a tree; the file is there whole, or as it was before.

    Raises:
        OutputError: It cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps({"schema": SCHEMA, "tree": _packed(tree, "", tensors)})
    with durable(path) as part:
        try:
            save_file(tensors, part, metadata={KEY: text})
        except SafetensorError as error:  # the library's class for a full disk, too
            raise OutputError(
                f"cannot write the checkpoint '{path}': {error}",
                hint="free some space, then go on with --resume: the checkpoint before is whole",
            ) from error


def load(path: Path) -> Tree:
    """Read a tree.

    Raises:
        WeightsError: The file is absent, damaged, or not one of ours.
    """
    try:
        tensors, metadata = safetensors_file.read(snapshot.take(path))
        document = json.loads(metadata[KEY])
        if document["schema"] != SCHEMA:
            raise WeightsError(
                f"'{path}' was written by another version of unmixcli",
                hint="resume with that version, or start another run with --model",
            )
        tree: Tree = _unpacked(document["tree"], tensors)
    except (SafetensorsError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"'{path}' is no whole checkpoint: {error}") from error
    return tree


def numbered(values: dict[int, Any]) -> Tree:
    """Return a dict of numbers as one of names, which JSON can hold."""
    return {str(key): value for key, value in values.items()}


def unnumbered(values: Tree) -> dict[int, Any]:
    """Undo :func:`numbered`."""
    return {int(key): value for key, value in values.items()}


def _packed(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a value for JSON, and collect its tensors under names that say where they were."""
    if isinstance(value, Tensor):
        # A copy: two names of one storage are more than the library writes.
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {TENSOR: name}
    if isinstance(value, dict):
        return {key: _packed(inner, f"{name}/{key}", tensors) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(inner, f"{name}/{index}", tensors) for index, inner in enumerate(value)]
    return value


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if set(value) == {TENSOR}:
            return tensors[value[TENSOR]].clone()
        return {key: _unpacked(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unpacked(inner, tensors) for inner in value]
    return value
