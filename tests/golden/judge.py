"""Run a golden case through the package's public code; nothing is implemented here.

The translation of published constructors, the networks, the cutting and the stream are
the package's own: a case that passes shows that those are right.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from golden import checkpoint_cases, museval_cases, oracle_cases, wave_u_net_cases, wavenet_cases
from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.weights.checkpoint import blank, fill
from unmixcli.weights.published import Published, translate


@dataclass(frozen=True)
class Case:
    """A folder with a ``case.json``."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "case.json").read_text())

    @property
    def is_file(self) -> bool:
        """Whether it is about a published file of weights."""
        return self.facts["kind"] == checkpoint_cases.KIND

    @property
    def is_scores(self) -> bool:
        """Whether it is about scores, not about estimates."""
        return self.facts["system"] == museval_cases.SYSTEM

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def input(self) -> Tensor:
        return torch.from_numpy(np.load(self.folder / "input.npy"))

    @property
    def expected(self) -> np.ndarray:
        return np.load(self.folder / self.facts.get("compare_with", "output.npy"))

    @property
    def tolerance(self) -> float:
        return self.facts["tolerance"]["atol"]


def run(case: Case) -> Tensor:
    """Return what the package makes of a case's input."""
    kind = case.facts["kind"]
    way = KINDS.get(f"{case.facts['system']}/{kind}", KINDS.get(kind))
    if way is None:
        raise LookupError(f"no way here to run a case of kind '{kind}'")
    return way(case)


def _published(case: Case) -> Published:
    return translate(case.facts["system"], case.facts["class"], case.facts["config"])


def _network(case: Case, published: Published) -> Any:
    network = blank(published.architecture, published.config)
    return fill(network, load_file(case.folder / "weights.safetensors"), name=case.name)


def _forward(case: Case) -> Tensor:
    network = _network(case, _published(case))
    with torch.inference_mode():
        return network(case.input)


def _apply_model(case: Case) -> Tensor:
    """Cut, run and join as ``apply_model`` did, with the offsets that it drew."""
    published = _published(case)
    network = _network(case, published)
    options = case.facts["apply_model"]
    schedule = replace(
        published.schedule,
        segment=published.schedule.segment if options.get("split") else None,
        overlap=options.get("overlap", published.schedule.overlap),
        power=options.get("transition_power", published.schedule.power),
        shifts=options.get("shifts") or 0,
    )
    engine = Engine(
        name=case.name,
        network=network,
        plan=ChunkPlan(geometry=network.geometry, schedule=schedule),
        draw=recorded(options["shift_offsets_in_call_order"]),
        device=torch.device("cpu"),
    )
    mixture = case.input
    blocks = mixture.split(1000, dim=-1)
    return torch.cat([*separate_stream(blocks, mixture.shape[-1], [engine])], dim=-1)


KINDS: dict[str, Callable[[Case], Tensor]] = {
    "forward": _forward,
    "apply_model": _apply_model,
    **checkpoint_cases.KINDS,
    **oracle_cases.KINDS,
    **wave_u_net_cases.KINDS,
    **wavenet_cases.KINDS,
}
"""By kind, or by system and kind where a system has a way of its own."""
