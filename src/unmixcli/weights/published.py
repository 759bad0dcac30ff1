"""How published code names what we name: constructors, defaults and schedules.

Each published class is a function from the keyword arguments that its authors'
checkpoints hold to our architecture, configuration and schedule. Their names are
looked up here and never imported; an argument nobody has declared is refused.
Sources: facebookresearch/demucs, branches v1 and v2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unmixcli.errors import ConfigError, DeviceError, WeightsError, is_out_of_memory
from unmixcli.network import ModelConfig
from unmixcli.schedule import Context, Normalise, Schedule, ShiftScope, Tail
from unmixcli.weights.registry import configure

FOUR_STEMS = ("drums", "bass", "other", "vocals")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published constructor call in our terms."""

    architecture: str
    config: ModelConfig
    schedule: Schedule


# Their keyword -> ours. What is not listed has the same name.
DEMUCS = {
    "audio_channels": "channels",
    "channels": "width",
    "samplerate": "sample_rate",
    "normalize": "normalise",
}
CONV_TASNET = {
    "audio_channels": "channels",
    "samplerate": "sample_rate",
    "N": "filters",
    "L": "kernel_size",
    "B": "bottleneck",
    "H": "hidden",
    "P": "block_kernel",
    "X": "blocks",
    "R": "repeats",
    "norm_type": "norm",
    "mask_nonlinear": "mask",
}


def translate(system: str, name: str, options: Mapping[str, Any]) -> Published:
    """Return what a published constructor call means here.

    Args:
        system: Generation of the code, ``demucs_v1`` or ``demucs_v2``: both have
            classes of the same names.
        name: Qualified class name, as checkpoints hold it.
        options: The keyword arguments; their defaults are the published ones.

    Raises:
        ConfigError: The class or an argument is unknown, or a value impossible.
    """
    constructor = CONSTRUCTORS.get((system, name))
    if constructor is None:
        raise ConfigError(f"no architecture here for '{name}' of {system}")
    return constructor(dict(options))


def _demucs_v1(options: dict[str, Any]) -> Published:
    config = {
        "sources": _counted(options.pop("sources", 4)),
        "sample_rate": 44_100,
        "channels": 2,
        "resample": False,
        "floor": 0.0,
        **_renamed(options, DEMUCS),
    }
    return _published("demucs", config, _v1_schedule)


def _conv_tasnet_v1(options: dict[str, Any]) -> Published:
    config = {
        "sources": _counted(options.pop("C", 4)),
        "sample_rate": 44_100,
        "channels": 1,
        "blocks": 8,
        **_renamed(options, CONV_TASNET),
    }
    return _published("conv_tasnet", config, _v1_schedule)


def _demucs_v2(options: dict[str, Any]) -> Published:
    segment = options.pop("segment_length", 4 * 10 * 44_100)
    config = {"sample_rate": 44_100, "channels": 2, **_renamed(options, DEMUCS)}
    return _published("demucs", config, lambda rate: _v2_schedule(rate, segment))


def _conv_tasnet_v2(options: dict[str, Any]) -> Published:
    segment = options.pop("segment_length", 44_100 * 2 * 4)
    config = {"sample_rate": 44_100, "channels": 2, "blocks": 8, **_renamed(options, CONV_TASNET)}
    return _published("conv_tasnet", config, lambda rate: _v2_schedule(rate, segment))


CONSTRUCTORS: dict[tuple[str, str], Callable[[dict[str, Any]], Published]] = {
    ("demucs_v1", "demucs.model.Demucs"): _demucs_v1,
    ("demucs_v1", "demucs.tasnet.ConvTasNet"): _conv_tasnet_v1,
    ("demucs_v2", "demucs.model.Demucs"): _demucs_v2,
    ("demucs_v2", "demucs.tasnet.ConvTasNet"): _conv_tasnet_v2,
}


def _v1_schedule(sample_rate: int) -> Schedule:
    """Ten seconds at a time, each on its own, joined hard."""
    return Schedule(
        segment=10 * sample_rate,
        power=0.0,
        tail=Tail.SHORTEN,
        context=Context.ZEROS,
        shift_scope=ShiftScope.WINDOW,
        max_shift=sample_rate // 2,
        normalise=Normalise.TRACK,
    )


def _v2_schedule(sample_rate: int, segment: int) -> Schedule:
    """A quarter of overlap, triangular fades, shifts drawn inside each chunk."""
    return Schedule(
        segment=segment,
        overlap=0.25,
        tail=Tail.SHORTEN,
        shift_scope=ShiftScope.CHUNK,
        max_shift=sample_rate // 2,
        normalise=Normalise.TRACK,
    )


def _published(
    architecture: str, values: dict[str, Any], schedule: Callable[[int], Schedule]
) -> Published:
    config = configure(architecture, values)
    return Published(
        architecture=architecture, config=config, schedule=schedule(config.sample_rate)
    )


def _renamed(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in options.items()}


def _counted(count: int) -> tuple[str, ...]:
    """Name sources of which only the number is known; four are the usual stems."""
    if count == len(FOUR_STEMS):
        return FOUR_STEMS
    return tuple(f"source-{number}" for number in range(1, count + 1))


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a plain state dict as torch.save writes it, with the restricted unpickler.

    Raises:
        WeightsError: It holds anything but tensors by name, or is damaged.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch and pickle raise whatever the bytes provoke
        if is_out_of_memory(error):
            raise DeviceError(
                f"out of memory while loading '{path}'", hint="close other programs"
            ) from error
        raise WeightsError(f"cannot read '{path}': {type(error).__name__}") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"'{path}' does not hold tensors by name")
    return dict(state)
