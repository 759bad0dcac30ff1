"""What published torch files hold: a state, and often the class it belongs to.

plain     tensors by name                                    Demucs v2, Open-Unmix, ...
packed    {"compressed": zlib of another torch file}         Demucs v2, quantised
tuple     (class, args, kwargs, state)                       Demucs v1
package   {"klass", "args", "kwargs", "state", ...}          Demucs v2 to v4
training  {"state_dict" or "model_state_dict": tensors, ...} most training frameworks
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from torch import Tensor

from unmixcli.errors import WeightsError
from unmixcli.weights.formats import diffq, torch_file
from unmixcli.weights.formats.diffq import DiffQState, Shapes
from unmixcli.weights.formats.pickle_data import Name, PickleError, Thing
from unmixcli.weights.formats.torch_file import Stored
from unmixcli.weights.plain import brief
from unmixcli.weights.quantised import Quantised
from unmixcli.weights.snapshot import Snapshot

WRAPPINGS = ("state_dict", "model_state_dict", "state")
PARALLEL = "module."
"""What torch puts before every name when a network was trained on several devices."""


@dataclass(frozen=True)
class Checkpoint:
    """What a published file holds.

    Attributes:
        state: Its tensors, which a quantised state has without names.
        system: Generation of the code that wrote it, where the file shows that.
        name: Qualified name of the class, as text; ``None`` where the file has none.
        arguments: The constructor's positional arguments.
        options: Its keyword arguments.
    """

    state: Mapping[str, Tensor] | DiffQState
    system: str | None = None
    name: str | None = None
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def named(self, shapes: Shapes) -> Mapping[str, Tensor | Quantised]:
        """Return the weights by name.

        Args:
            shapes: Of all parameters of the network, in the order of registration;
                only quantised states need them.

        Raises:
            PickleError: The state is not of such a network.
        """
        return self.state.named(shapes) if isinstance(self.state, DiffQState) else self.state


def read(snapshot: Snapshot) -> Checkpoint:
    """Read a torch file.

    Raises:
        WeightsError: It is none, is damaged, or holds what no checkpoint needs.
    """
    try:
        return interpret(torch_file.read(snapshot.data), torch_file.room(snapshot.size))
    except PickleError as error:
        raise refusal(snapshot, error) from error


def weights(held: Snapshot, found: Checkpoint, shapes: Shapes) -> Mapping[str, Tensor | Quantised]:
    """Return the weights of a file by name.

    Args:
        held: The file, for errors.
        found: What it holds.
        shapes: As in :meth:`Checkpoint.named`.

    Raises:
        WeightsError: The state is not of such a network.
    """
    try:
        return found.named(shapes)
    except PickleError as error:
        raise refusal(held, error) from error


def refusal(snapshot: Snapshot, error: ValueError) -> WeightsError:
    """Say of a file why it is not read."""
    return WeightsError(
        f"'{snapshot.path}' is not a file of weights that is read here: {brief(error)}",
        hint="nothing of it was run; get it again from its authors, and only from them",
    )


def interpret(content: Any, most: int) -> Checkpoint:
    """Find the state in what a torch file holds.

    Args:
        content: What it holds.
        most: How many bytes it may inflate to.

    Raises:
        PickleError: There is none.
    """
    if isinstance(content, tuple) and len(content) == 4:
        return _constructed("demucs_v1", *content, training=None, most=most)
    if not isinstance(content, dict):
        raise PickleError(f"a {type(content).__name__} instead of weights")
    if {"klass", "args", "kwargs", "state"} <= set(content):
        call = (content[key] for key in ("klass", "args", "kwargs", "state"))
        return _constructed(None, *call, training=content.get("training_args"), most=most)
    for wrapping in WRAPPINGS:
        if isinstance(content.get(wrapping), dict):
            return Checkpoint(state=_state(content[wrapping], {}, most))
    return Checkpoint(state=_state(content, {}, most))


def _constructed(
    system: str | None,
    name: Any,
    arguments: Any,
    options: Any,
    state: Any,
    *,
    training: Any,
    most: int,
) -> Checkpoint:
    if not isinstance(name, Name) or not isinstance(state, dict):
        raise PickleError("weights without a class")
    if not isinstance(arguments, tuple | list) or not isinstance(options, dict):
        raise PickleError("a class without arguments")
    return Checkpoint(
        state=_state(state, _quantiser(training), most),
        system=system or generation(name.text),
        name=name.text,
        arguments=tuple(arguments),
        options=options,
    )


def generation(name: str) -> str:
    """Return which generation of Demucs a package's class belongs to."""
    return (
        "demucs_v2" if name in ("demucs.model.Demucs", "demucs.tasnet.ConvTasNet") else "demucs_v3"
    )


def _quantiser(training: Any) -> dict[str, Any]:
    """Return how a package of Demucs v2 was quantised, from the options of its training.

    Its authors' reader leaves the quantiser switched on, which then rounds what was
    read once more, to its initial number of bits. Their outputs are those of that state.
    """
    told = training.attributes if isinstance(training, Thing) else {}
    if told.get("diffq"):
        return {"round_to": diffq.UNIFORM_BITS}
    return {"bits": told["qat"]} if isinstance(told.get("qat"), int) and told["qat"] else {}


def _state(
    state: dict[Any, Any], quantiser: dict[str, Any], most: int
) -> dict[str, Tensor] | DiffQState:
    if isinstance(state.get("compressed"), bytes):
        state = torch_file.read(torch_file.inflate(state["compressed"], most), packed=True)
        if not isinstance(state, dict) or "compressed" in state:
            raise PickleError("something else than a quantised state")
    if {"quantized", "others"} <= set(state):
        return diffq.parse(state, quantiser)
    return tensors(state)


def tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return a plain state.

    Raises:
        PickleError: It holds anything but tensors by name.
    """
    named = {key: value for key, value in state.items() if isinstance(value, Stored)}
    if not named or len(named) != len(state):
        raise PickleError("something else than tensors by name")
    # A storage for each, or parts of one: else a small file could ask for any memory.
    storages = {(value.storage.offset, value.storage.count) for value in named.values()}
    if sum(prod(value.shape) for value in named.values()) > sum(count for _, count in storages):
        raise PickleError("tensors that share their numbers")
    trim = len(PARALLEL) if all(str(key).startswith(PARALLEL) for key in named) else 0
    return {str(key)[trim:]: value.tensor() for key, value in named.items()}
