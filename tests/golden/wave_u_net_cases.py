"""Golden cases of Wave-U-Net and its extensions, run through the package's public code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from unmixcli.audio.channels import adapt
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.weights.checkpoint import blank, fill
from unmixcli.weights.published import Published, translate
from unmixcli.weights.published.wave_u_net import CONDITIONAL, SEPARATOR

if TYPE_CHECKING:
    from golden.judge import Case


def labels(case: Case) -> Tensor | None:
    """Return what a conditioned network was told, (batch, labels)."""
    path = case.folder / "input_labels.npy"
    return torch.from_numpy(np.load(path)) if path.is_file() else None


def published(case: Case) -> Published:
    """Name the class, which the cases do not; the original reads off how many labels it gets."""
    options, told = dict(case.facts["config"]), labels(case)
    if told is None:
        return translate(case.facts["system"], SEPARATOR, options)
    return translate(case.facts["system"], CONDITIONAL, options | {"num_labels": told.shape[-1]})


def filled(case: Case, meant: Published) -> Any:
    state = meant.convert(load_file(case.folder / "weights.safetensors"))
    return fill(blank(meant.architecture, meant.config), state, name=case.name)


def _forward(case: Case) -> Tensor:
    """Map (batch, time, channels) to (batch, sources, time, channels)."""
    network, told = filled(case, published(case)), labels(case)
    mixture = case.input.transpose(1, 2)
    with torch.inference_mode():
        estimates: Tensor = network(mixture) if told is None else network(mixture, told)
    return estimates.transpose(2, 3)


def _predict_track(case: Case) -> Tensor:
    """Cut and join as ``predict_track`` did: (time, channels) to (sources, time, channels)."""
    meant = published(case)
    network, channels = filled(case, meant), meant.config.channels
    mixture = case.input.T
    mixture = adapt(mixture.mean(0, keepdim=True) if channels == 1 else mixture, channels)
    engine = Engine(
        name=case.name,
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=meant.schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
    )
    blocks = mixture.split(1000, dim=-1)
    estimates = torch.cat([*separate_stream(blocks, mixture.shape[-1], [engine])], dim=-1)
    return estimates.transpose(1, 2)


KINDS: dict[str, Callable[[Case], Tensor]] = {
    "waveunet/forward": lambda case: _forward(case).transpose(0, 1),
    "waveunet/predict_track": _predict_track,
    "vimss/forward": _forward,
}


def paddings(path: Path) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield the system, the options and one row of lengths of each test in a table."""
    for table in json.loads(path.read_text())["tables"]:
        rows = table.pop("requested_frames__input_shape__output_shape")
        for row in rows:
            yield path.parent.name, json.dumps(table), row


def padding(system: str, options: str, wanted: int) -> tuple[int, int, int]:
    """Return how many samples are read and predicted where so many are wanted, and channels."""
    meant = translate(system, SEPARATOR, json.loads(options) | {"num_frames": wanted})
    network: Any = blank(meant.architecture, meant.config)
    geometry = network.geometry(meant.schedule.segment)
    return geometry.input_length, geometry.output_length, meant.config.channels
