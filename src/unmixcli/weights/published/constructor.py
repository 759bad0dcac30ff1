"""What a published constructor call becomes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unmixcli.network import ModelConfig
from unmixcli.schedule import Schedule
from unmixcli.weights.registry import configure

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published constructor call in our terms.

    Attributes:
        architecture: A module of :mod:`unmixcli.models`.
        config: Its hyper-parameters.
        schedule: The published way to cut a track.
        convert: From a state in the authors' names and layout to one in ours.
    """

    architecture: str
    config: ModelConfig
    schedule: Schedule
    convert: Callable[[Mapping[str, Tensor]], State] = dict


Constructors = dict[tuple[str, str], Callable[[dict[str, Any]], Published]]
"""By system and qualified class name."""


def published(
    architecture: str,
    values: dict[str, Any],
    schedule: Callable[[int], Schedule],
    convert: Callable[[Mapping[str, Tensor]], State] = dict,
) -> Published:
    """Check a configuration and put it together with its schedule.

    Args:
        architecture: A module of :mod:`unmixcli.models`.
        values: Its hyper-parameters, in our names.
        schedule: How a track is cut, given the sample rate.
        convert: From the authors' state to ours.

    Raises:
        ConfigError: A hyper-parameter is unknown or out of bounds.
    """
    config = configure(architecture, values)
    return Published(
        architecture=architecture,
        config=config,
        schedule=schedule(config.sample_rate),
        convert=convert,
    )


def renamed(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the options under our names; what ``names`` does not list keeps its own."""
    return {names.get(key, key): value for key, value in options.items()}
