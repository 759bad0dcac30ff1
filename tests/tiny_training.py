"""Data sets and recipes small enough that a test can train with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from unmixcli.training import recipe as recipes
from unmixcli.training.recipe import Recipe

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
