"""Wave-U-Net and its extensions for instruments, as their authors call and store them.

Sources: f90/Wave-U-Net, master (configurations, network, cutting);
Veleslavia/vimss, branches conditioning-urmp and conditioning-sopjfm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.models.wave_u_net import WaveUNetConfig
from unmixcli.network import require_count
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights.published.constructor import Constructors, Published, State, renamed
from unmixcli.weights.registry import configure

SEPARATOR = "Models.UnetAudioSeparator.UnetAudioSeparator"
CONDITIONAL = "Models.ConditionalUnetAudioSeparator.UnetAudioSeparator"

TASKS = {
    "voice": ("accompaniment", "vocals"),
    "multi_instrument": ("bass", "drums", "other", "vocals"),
}
INSTRUMENTS = (
    *("bn", "cl", "db", "fl", "hn", "ob", "sax"),
    *("tba", "tbn", "tpt", "va", "vc", "vn"),
)
"""Of URMP: bassoon, clarinet, double bass, flute, horn, oboe, saxophone; tuba, trombone,
trumpet, viola, cello, violin. The last is what the others leave of the mixture."""

# Their keyword -> ours. What is not listed has the same name.
NAMES = {
    "num_layers": "depth",
    "num_initial_filters": "width",
    "filter_size": "down_kernel",
    "merge_filter_size": "up_kernel",
    "output_filter_size": "output_kernel",
    "output_activation": "activation",
    "expected_sr": "sample_rate",
}

_DIFFERENCE = {"output_type": "difference"}
_CONTEXT = {**_DIFFERENCE, "context": True}
_STEREO = {**_CONTEXT, "mono_downmix": False}
_LEARNED = {**_STEREO, "upsampling": "learned"}

NAMED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "M1": ("waveunet", SEPARATOR, {}),
    "M2": ("waveunet", SEPARATOR, _DIFFERENCE),
    "M3": ("waveunet", SEPARATOR, _CONTEXT),
    "M4": ("waveunet", SEPARATOR, _STEREO),
    "M5": ("waveunet", SEPARATOR, _LEARNED),
    "M5-HighSR": ("waveunet", SEPARATOR, {**_LEARNED, "expected_sr": 44_100}),
    "M6": ("waveunet", SEPARATOR, {**_STEREO, "task": "multi_instrument"}),
    "M7": (
        *("waveunet", SEPARATOR),
        {**_CONTEXT, "num_frames": 98_560, "expected_sr": 8192, "num_initial_filters": 34},
    ),
    "Exp": ("vimss", SEPARATOR, {}),
    "CExp": ("vimss", CONDITIONAL, {}),
}
"""The papers' networks: arguments of :func:`unmixcli.weights.published.translate`."""


def _wave_u_net(options: dict[str, Any]) -> Published:
    """Translate a model configuration; what it leaves out is as in the authors' base one."""
    options = {
        "num_layers": 12,
        "filter_size": 15,
        "num_frames": 16_384,
        "expected_sr": 22_050,
        "output_type": "direct",
        "context": False,
        **options,
    }
    kind, task = options.pop("network", "unet"), options.pop("task", "voice")
    if kind != "unet":
        raise ConfigError(f"no architecture here for the network '{kind}' of Wave-U-Net's authors")
    if task not in TASKS:
        raise ConfigError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    options.pop("batch_size", None)  # of training
    first, frames = options.pop("input_filter_size", 15), options.pop("num_frames")
    values = {
        "sources": options.pop("source_names", TASKS[task]),
        "channels": 1 if options.pop("mono_downmix", True) else 2,
        "surplus": _surplus(first, options) if options["context"] else 0,
        **_common(options),
    }
    return _published("wave_u_net", values, frames, as_predicted=True)


def _exp_wave_u_net(options: dict[str, Any]) -> Published:
    values, frames = _instruments(options)
    return _published("wave_u_net", values, frames)


def _cexp_wave_u_net(options: dict[str, Any]) -> Published:
    """Translate as :func:`_exp_wave_u_net`; ``num_labels`` is the width of the labels given."""
    labels = options.pop("num_labels", None)
    values, frames = _instruments(options)
    if labels not in (None, len(values["sources"])):
        values["labels"] = _numbered("label", labels)
    return _published("conditioned_wave_u_net", values, frames)


CONSTRUCTORS: Constructors = {
    ("waveunet", SEPARATOR): _wave_u_net,
    ("vimss", SEPARATOR): _exp_wave_u_net,
    ("vimss", CONDITIONAL): _cexp_wave_u_net,
}


def _instruments(options: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Translate what both networks for instruments take, and how much they predict at once."""
    options = {"output_type": "difference", "context": True, "expected_sr": 22_050, **options}
    frames = options.pop("num_frames", 16_384)
    values = {
        "sources": _numbered("source", options.pop("num_sources", len(INSTRUMENTS))),
        "channels": 1 if options.pop("mono", True) else 2,
        "clip": False,
        **_common(options),
    }
    return values, frames


def _surplus(first: int, options: dict[str, Any]) -> int:
    """Return what is read in excess, since their first convolution is not as long as reckoned.

    Whole frames of the coarsest level are none: they are predicted from.
    """
    convolved, levels = options["filter_size"], options["num_layers"]
    require_count("input_filter_size", first, 1)
    require_count("filter_size", convolved, 1)
    require_count("num_layers", levels, 1, 64)
    return int((first - convolved) % 2**levels)


def _common(options: dict[str, Any]) -> dict[str, Any]:
    output = options.pop("output_type")
    if output not in ("direct", "difference"):
        raise ConfigError(f"output_type must be direct or difference, got {output!r}")
    return {"difference": output == "difference", **renamed(options, NAMES)}


def _published(
    name: str, values: dict[str, Any], frames: int, *, as_predicted: bool = False
) -> Published:
    """Put a configuration together with how its authors cut a track.

    Args:
        name: Architecture.
        values: Its hyper-parameters, in our names.
        frames: Samples wanted of a chunk.
        as_predicted: Hop by what the network predicts, which may be more than is wanted,
            and move the last chunk back to end with the track. Otherwise hop by what is
            wanted and throw the rest away.

    Raises:
        ConfigError: A hyper-parameter is unknown or out of bounds.
    """
    config = cast(WaveUNetConfig, configure(name, values))
    require_count("num_frames", frames, 1)
    schedule = Schedule(segment=frames, power=0.0)
    if as_predicted:
        # What the last convolutions lose they take off once more, where it is to be added:
        # with longer ones than published they predict less than was wanted.
        lost = 2 * (config.output_kernel - 1) if config.context else 0
        geometry = config.geometry(max(frames - lost, 1))
        segment, least = geometry.output_length, geometry.input_length
        schedule = Schedule(segment=segment, power=0.0, tail=Tail.SHIFT, least=least)
    return Published(
        architecture=name,
        config=config,
        schedule=schedule,
        convert=partial(_convert, depth=config.depth),
    )


VARIABLE = re.compile(r"separator/(?:conv1d(?:_(\d+))?/(kernel|bias)|interp_(\d+))")


def _convert(state: Mapping[str, Tensor], *, depth: int) -> State:
    """Turn TensorFlow variables into our state; the optimiser's and the step are left out.

    Convolutions count in the order in which the graph makes them: down, bottleneck, up,
    output. Kernels are (width, in, out) there and (out, in, width) here, not flipped.
    """
    converted: State = {}
    for name, tensor in state.items():
        found = VARIABLE.fullmatch(name)
        if found and found[3]:
            converted[f"interp.{int(found[3])}"] = tensor
        elif found:
            flat = tensor.dim() != 3  # a bias; or damaged, and the network will not take it
            weights = tensor if flat else tensor.permute(2, 1, 0).contiguous()
            kind = "weight" if found[2] == "kernel" else "bias"
            converted[f"{_layer(int(found[1] or 0), depth)}.{kind}"] = weights
        elif name.startswith("separator/"):
            converted[name] = tensor  # unknown, for the network to refuse
    return converted


def _layer(number: int, depth: int) -> str:
    """Return our name of the convolution that their graph makes as the ``number``-th."""
    if number < depth:
        return f"down.{number}"
    if number == depth:
        return "bottleneck"
    if number <= 2 * depth:
        return f"up.{number - depth - 1}"
    return f"heads.{number - 2 * depth - 1}"


def _numbered(what: str, count: int) -> tuple[str, ...]:
    """Name sources or labels of which only the number is known; thirteen are URMP's."""
    require_count(f"number of {what}s", count, 1, 128)
    if count == len(INSTRUMENTS):
        return INSTRUMENTS
    return tuple(f"{what}-{number}" for number in range(1, count + 1))
