"""Data sets and recipes small enough that a test can train with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from unmixcli.schedule import Schedule
from unmixcli.training import recipe as recipes
from unmixcli.training.network import Resolved
from unmixcli.training.recipe import Recipe
from unmixcli.weights.registry import configure

RATE = 8000
SOURCES = ("drums", "bass")

TINY: dict[str, Any] = {
    "model": {
        "architecture": "demucs",
        "config": {
            "sources": list(SOURCES),
            "sample_rate": RATE,
            "channels": 1,
            "width": 4,
            "depth": 2,
            "lstm_layers": 1,
            "resample": False,
        },
    },
    "data": {"seconds": 0.25, "batch_size": 2, "steps_per_epoch": 3},
    "augment": [{"name": "gain"}, {"name": "sign"}],
    "loss": [{"name": "l1"}],
    "optim": {"lr": 1e-3, "ema": 0.9, "clip": 1.0},
    "scheduler": {"name": "exponential", "every": 10},
    "stages": [{"epochs": 2}],
    "validation": {"metric": "sdr"},
}
"""A recipe that takes a hundredth of a second a step."""


def write_track(folder: Path, seed: int, seconds: float = 1.0, rate: int = RATE, **stems) -> None:
    """Write two stems of noise, or those given, (samples,) each."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    noise = {name: 0.2 * rng.standard_normal(round(seconds * rate)) for name in SOURCES}
    for name, samples in (stems or noise).items():
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype="PCM_16")


def recipe(*assignments: str) -> Recipe:
    return recipes.with_overrides(recipes.from_dict(TINY), assignments)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return what a run wrote down."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


COMMON = {"sources": ["a", "b"], "sample_rate": 8000, "channels": 1}
NETWORKS: dict[str, dict[str, Any]] = {
    "demucs": {"width": 4, "depth": 2, "lstm_layers": 1},
    "conv_tasnet": {"filters": 8, "bottleneck": 8, "hidden": 8, "blocks": 2, "repeats": 1},
    "wave_u_net": {"width": 4, "depth": 2},
    "conditioned_wave_u_net": {"width": 4, "depth": 2},
    "wavenet": {"stacks": 1, "dilations": (1, 2), "residual": 4, "skip": 4, "final": (8, 4)},
    "band_split_rnn": {"n_fft": 256, "hop": 64, "features": 8, "hidden": 8, "layers": 1},
    "harmonic_u_net": {"n_fft": 256, "hop": 64, "widths": (4, 8), "blocks": (1, 1)},
    "conditioned_harmonic_u_net": {"n_fft": 256, "hop": 64, "widths": (4, 8), "blocks": (1, 1)},
    "tdc_u_net": {"n_fft": 256, "hop": 64, "growth": 4, "layers": 2, "depth": 2},
}
"""Hyper-parameters of small networks, by architecture."""


def resolved(name: str) -> Resolved:
    channels = 2 if name in ("band_split_rnn", "harmonic_u_net") else 1
    config = configure(name, {**COMMON, **NETWORKS[name], "channels": channels})
    return Resolved(architecture=name, config=config, schedule=Schedule(segment=8000))
