"""Demucs and Conv-TasNet for music, as their authors call them.

Sources: facebookresearch/demucs, branches v1 and v2.
"""

from __future__ import annotations

from typing import Any

from unmixcli.network import require_count
from unmixcli.schedule import Context, Normalise, Schedule, ShiftScope, Tail
from unmixcli.weights.published.constructor import (
    Constructors,
    Published,
    published,
    renamed,
)

FOUR_STEMS = ("drums", "bass", "other", "vocals")


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


def _demucs_v1(options: dict[str, Any]) -> Published:
    config = {
        "sources": _counted(options.pop("sources", 4)),
        "sample_rate": 44_100,
        "channels": 2,
        "resample": False,
        "floor": 0.0,
        **renamed(options, DEMUCS),
    }
    return published("demucs", config, _v1_schedule)


def _conv_tasnet_v1(options: dict[str, Any]) -> Published:
    config = {
        "sources": _counted(options.pop("C", 4)),
        "sample_rate": 44_100,
        "channels": 1,
        "blocks": 8,
        **renamed(options, CONV_TASNET),
    }
    return published("conv_tasnet", config, _v1_schedule)


def _demucs_v2(options: dict[str, Any]) -> Published:
    segment = options.pop("segment_length", 4 * 10 * 44_100)
    config = {"sample_rate": 44_100, "channels": 2, **renamed(options, DEMUCS)}
    return published("demucs", config, lambda rate: _v2_schedule(rate, segment))


def _conv_tasnet_v2(options: dict[str, Any]) -> Published:
    segment = options.pop("segment_length", 44_100 * 2 * 4)
    config = {"sample_rate": 44_100, "channels": 2, "blocks": 8, **renamed(options, CONV_TASNET)}
    return published("conv_tasnet", config, lambda rate: _v2_schedule(rate, segment))


CONSTRUCTORS: Constructors = {
    ("demucs_v1", "demucs.model.Demucs"): _demucs_v1,
    ("demucs_v1", "demucs.tasnet.ConvTasNet"): _conv_tasnet_v1,
    ("demucs_v2", "demucs.model.Demucs"): _demucs_v2,
    ("demucs_v2", "demucs.tasnet.ConvTasNet"): _conv_tasnet_v2,
}


POSITIONAL = {
    ("demucs_v1", "demucs.model.Demucs"): ("sources", "audio_channels", "channels", "depth"),
    ("demucs_v2", "demucs.model.Demucs"): ("sources", "audio_channels", "channels", "depth"),
}
"""Names of their first arguments, which a checkpoint may hold without."""


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


def _counted(count: int) -> tuple[str, ...]:
    """Name sources of which only the number is known; four are the usual stems."""
    require_count("number of sources", count, 1, 128)
    if count == len(FOUR_STEMS):
        return FOUR_STEMS
    return tuple(f"source-{number}" for number in range(1, count + 1))
