"""Golden cases of the Wavenet, run through the package's public code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from unmixcli.inference.engine import Engine
from unmixcli.inference.plan import ChunkPlan
from unmixcli.inference.shifts import recorded
from unmixcli.inference.stream import separate_stream
from unmixcli.weights.checkpoint import blank, fill
from unmixcli.weights.published import Published, translate

if TYPE_CHECKING:
    from golden.judge import Case


def published(facts: dict[str, Any]) -> Published:
    """A target field length beside the configuration overrides the one inside."""
    override = {"target_field_length": facts["target_field_length"]}
    return translate("wavenet", facts["variant"], facts["config"] | override)


def network(case: Case) -> Any:
    meant = published(case.facts)
    state = meant.convert(load_file(case.folder / "weights.safetensors"))
    return fill(blank(meant.architecture, meant.config), state, name=case.name)


def _forward(case: Case) -> Tensor:
    """Return the padded target field of each output, (outputs, batch, samples)."""
    with torch.inference_mode():
        outputs = network(case).target_field(case.input[:, None])[:, :, 0].transpose(0, 1)
    # For singing voice the original returns the same output twice: one for each term of its loss.
    return outputs.repeat(2, 1, 1) if len(outputs) == 1 else outputs


def _separate_sample(case: Case) -> Tensor:
    """Cut and join as ``separate_sample`` did, which returns what has its whole context."""
    made, mixture = network(case), case.input
    engine = Engine(
        name=case.name,
        network=made,
        plan=ChunkPlan(geometry=made.geometry, schedule=published(case.facts).schedule),
        draw=recorded([]),
        device=torch.device("cpu"),
        batch_size=case.facts["batch_size"],
    )
    blocks = mixture[None].split(1000, dim=-1)
    estimates = torch.cat([*separate_stream(blocks, len(mixture), [engine])], dim=-1)
    reach = made.config.reach
    return estimates[:, 0, reach : len(mixture) - reach]


KINDS: dict[str, Callable[[Case], Tensor]] = {
    "wavenet/forward": _forward,
    "wavenet/separate_sample": _separate_sample,
}
