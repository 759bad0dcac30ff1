"""The Wavenet for source separation, as its authors configure and store it.

Source: francesclluis/source-separation-wavenet, which keeps a ``config.json`` beside its
Keras checkpoints. That is what is translated here, with ``target_field_length`` beside
its sections where the authors' constructor was given another than is in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from unmixcli.errors import ConfigError, WeightsError
from unmixcli.models.wavenet import WavenetConfig
from unmixcli.network import require_count
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights.published.constructor import Constructors, Published, State

# The last source of each is what the others leave of the mixture.
SINGING_VOICE = ("vocals", "accompaniment")
MULTI_INSTRUMENT = ("vocals", "drums", "bass", "other")

SAMPLE_RATE = 16_000
TARGET = "target_field_length"
SECTIONS = {"model", "dataset", "optimizer", "training"}
MODEL = {"num_stacks", "dilations", "filters", "target_padding", "type", TARGET}
# Results that the authors' code writes into the file, and a setting of its ancestor's.
UNREAD = {
    "input_length",
    "receptive_field_length",
    "num_residual_blocks",
    "num_params",
    "condition_encoding",
}

LARGEST = 20
"""Largest exponent of a dilation; bounded before it is raised to."""

DILATED = re.compile(r"res_(\d+)_dilated_conv_d(\d+)_s(\d+)/kernel")
PLAIN = re.compile(r"conv1d_(\d+)/kernel")


def _wavenet(options: dict[str, Any], *, kind: str, sources: tuple[str, ...]) -> Published:
    try:
        _require_known(options, SECTIONS | {TARGET})
        model, dataset = options["model"], options.get("dataset", {})
        _require_known(model, MODEL | UNREAD)
        if model.get("type", kind) != kind:
            raise ConfigError(f"expected a Wavenet of type '{kind}', got {model['type']!r}")
        widths, lengths = model["filters"]["depths"], model["filters"]["lengths"]
        config = WavenetConfig(
            sources=sources,
            sample_rate=dataset.get("sample_rate", SAMPLE_RATE),
            channels=1,
            stacks=model["num_stacks"],
            dilations=_dilations(model["dilations"]),
            kernel_size=lengths["res"],
            residual=widths["res"],
            skip=widths["skip"],
            final=tuple(widths["final"]),
            final_kernels=tuple(lengths["final"]),
            padding=model["target_padding"],
        )
        target = options.get(TARGET, model.get(TARGET))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"no configuration of a Wavenet: {error!r}") from error
    require_count(TARGET, target, 1)
    if target % 2 == 0:  # it has no middle, from which the authors' code counts
        raise ConfigError(f"{TARGET} must be odd, got {target}")
    return Published(
        architecture="wavenet",
        config=config,
        schedule=_schedule(config, target),
        convert=partial(_convert, config),
    )


CONSTRUCTORS: Constructors = {
    ("wavenet", "SingingVoiceSeparationWavenet"): partial(
        _wavenet, kind="singing-voice", sources=SINGING_VOICE
    ),
    ("wavenet", "MultiInstrumentSeparationWavenet"): partial(
        _wavenet, kind="multi-instrument", sources=MULTI_INSTRUMENT
    ),
}


def _schedule(config: WavenetConfig, target: int) -> Schedule:
    """One target field after the other, joined hard, past the end of the track zeros.

    The authors predict only what has its whole context within the track: their first
    target field begins where ours with the origin does. Those before it read zeros.
    """
    return Schedule(segment=target, power=0.0, origin=config.reach, tail=Tail.PAD)


def _dilations(said: Any) -> tuple[int, ...]:
    """Return the dilations of a stack: listed, or by the largest one's exponent of 2."""
    if isinstance(said, list):
        return tuple(said)
    require_count("dilations", said, 0, LARGEST)
    return tuple(2**exponent for exponent in range(said + 1))


def _convert(config: WavenetConfig, state: Mapping[str, Tensor]) -> State:
    """Rename and turn what Keras stored under Theano.

    Kernels lie as (width, in, out), and Theano convolves where torch correlates: they are
    also reversed in time.

    Raises:
        WeightsError: The convolutions are not those of the configuration.
    """
    names = _names(config, state)
    return {
        names.get(name, name): tensor.flip(0).permute(2, 1, 0).contiguous()
        if tensor.dim() == 3
        else tensor
        for name, tensor in state.items()
    }


def _names(config: WavenetConfig, theirs: Collection[str]) -> dict[str, str]:
    """Return our name for each of theirs.

    Dilated convolutions say which they are. The others are numbered as they were made,
    in each block one and three at the end, from any number on: that counts every
    convolution of the process.
    """
    wanted = [(dilation, stack) for stack in range(config.stacks) for dilation in config.dilations]
    matches = [match for name in theirs if (match := DILATED.fullmatch(name))]
    matches.sort(key=lambda match: int(match[1]))
    # Stacks of other dilations may well have the same shapes.
    if [(int(match[2]), int(match[3])) for match in matches] != wanted:
        raise WeightsError(
            f"the dilated convolutions are not {config.stacks} x {config.dilations} as configured"
        )
    numbers = sorted(int(match[1]) for name in theirs if (match := PLAIN.fullmatch(name)))
    plain = [*(f"blocks.{index}.mix" for index in range(len(wanted))), "final.0", "final.1"]
    plain.append("output")
    if len(numbers) != len(plain):
        raise WeightsError(f"there are {len(numbers)} plain convolutions instead of {len(plain)}")
    names = {match[0]: f"blocks.{index}.dilated.weight" for index, match in enumerate(matches)}
    for number, ours in zip(numbers, plain, strict=True):
        names[f"conv1d_{number}/kernel"] = f"{ours}.weight"
        names[f"conv1d_{number}/bias"] = f"{ours}.bias"
    return {**names, "initial_causal_conv/kernel": "first.weight"}


def _require_known(values: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"a Wavenet has no hyper-parameter '{unknown[0]}'")
