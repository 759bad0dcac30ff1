"""The honest files that attacks start from, and the ways by which a user would load them."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attacks import pickles
from unmixcli.schedule import Schedule
from unmixcli.weights import checkpoint, importer, loader, store
from unmixcli.weights.manifest import ManifestEntry
from unmixcli.weights.registry import configure

ARCHITECTURE = "demucs"
CONFIG: dict[str, Any] = {
    "sources": ["a", "b"],
    "sample_rate": 8000,
    "channels": 1,
    "width": 2,
    "depth": 1,
    "lstm_layers": 0,
    "resample": False,
}
CONSTRUCTOR = "demucs.model", "Demucs"
OPTIONS = {
    "sources": pickles.listed(pickles.text("a"), pickles.text("b")),
    "audio_channels": pickles.whole(1),
    "samplerate": pickles.whole(8000),
    "channels": pickles.whole(2),
    "depth": pickles.whole(1),
    "lstm_layers": pickles.whole(0),
    "resample": pickles.FALSE,
}
"""The same network, as the authors' constructor is called for it."""
NAME = "hostile"


@cache
def shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of the victim's weights: eight tensors."""
    return checkpoint.shapes(checkpoint.blank(ARCHITECTURE, configure(ARCHITECTURE, CONFIG)))


@cache
def weights() -> dict[str, Tensor]:
    """Its weights: whole numbers, each another."""
    start, made = 1, {}
    for key, shape in shapes().items():
        made[key] = torch.arange(start, start + prod(shape)).float().reshape(shape)
        start += prod(shape)
    return made


def records() -> dict[str, bytes]:
    """Bytes of its storages, by key."""
    return {str(number): raw(weight) for number, weight in enumerate(weights().values())}


def raw(weight: Tensor) -> bytes:
    values = weight.flatten().tolist()
    return struct.pack(f"<{len(values)}f", *values)


def state(**changes: bytes) -> bytes:
    """The pickled state, with some values exchanged; ``__`` in a name is a dot."""
    tensors = {
        key: pickles.tensor(str(number), shape)
        for number, (key, shape) in enumerate(shapes().items())
    }
    return pickles.table({**tensors, **{k.replace("__", "."): v for k, v in changes.items()}})


def package(**changes: bytes) -> bytes:
    """A package of Demucs v2: class, arguments and state, with some parts exchanged."""
    parts = {
        "klass": pickles.name(*CONSTRUCTOR),
        "args": pickles.EMPTY_TUPLE,
        "kwargs": pickles.table(OPTIONS),
        "state": state(),
        "training_args": pickles.name("argparse", "Namespace") + b")\x81}b",
    }
    return pickles.table(parts | changes)


def native_header(**changes: Any) -> dict[str, Any]:
    """What a native file says of itself, with some of it exchanged."""
    header = {
        "schema": 1,
        "architecture": ARCHITECTURE,
        "config": CONFIG,
        "inference": Schedule(segment=8000).to_json(),
        "licence": "CC0-1.0",
        "provenance": "made by a test",
    }
    return header | changes


def import_(path: Path, **options: Any) -> ManifestEntry:
    """Do what ``unmixcli models import`` does with a file that holds only a state."""
    told = {"architecture": ARCHITECTURE, "config": json.dumps(CONFIG), **options}
    return importer.import_file(path, name=NAME, **told)


def import_alone(path: Path) -> ManifestEntry:
    """Do what ``unmixcli models import`` does with a file that says what it is."""
    return importer.import_file(path, name=NAME)


def load(path: Path) -> loader.Model:
    """Do what ``unmixcli separate --model FILE`` does."""
    loader.sources(str(path))
    return loader.load(path)


def forget() -> None:
    """Remove what was imported, so that its name is free."""
    shutil.rmtree(store.imported_home())


def is_intact(found: Mapping[str, Tensor]) -> bool:
    """Say whether weights are those of the honest file."""
    return found.keys() == weights().keys() and all(
        torch.equal(found[key].detach(), weight) for key, weight in weights().items()
    )
