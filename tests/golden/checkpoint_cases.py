"""Files that the original authors' code wrote: what they hold, and what it gives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.weights import snapshot
from unmixcli.weights.checkpoint import blank, fill, shapes
from unmixcli.weights.formats import bag, reading
from unmixcli.weights.formats.diffq import DiffQState
from unmixcli.weights.formats.torch_checkpoint import Checkpoint
from unmixcli.weights.published import Published, translate
from unmixcli.weights.published.wave_u_net import SEPARATOR
from unmixcli.weights.quantised import dense

if TYPE_CHECKING:
    from golden.judge import Case

KIND = "checkpoint_file"


def checkpoints(case: Case) -> dict[str, Checkpoint]:
    """Read a case's files; the members of a bag have a prefix."""
    paths = [case.folder / name for name in case.facts["files"]]
    for path in paths:
        if path.suffix in bag.SUFFIXES:
            return {f"models.{i}.": read(file) for i, file in enumerate(bag.read(path).files)}
    if "checkpoint_prefix" in case.facts:
        index = snapshot.take(case.folder / f"{case.facts['checkpoint_prefix']}.index")
        return {"": reading.read(index, "tensorflow-bundle")}
    return {"": read(paths[0])}


def read(path: Path) -> Checkpoint:
    found = snapshot.take(path)
    return reading.read(found, reading.recognise(found))


def meant(case: Case, found: Checkpoint) -> Published | None:
    """Return the network of a file, or ``None`` where it is not in the package."""
    options = case.facts["config"]
    try:
        if found.system and found.name:
            return translate(found.system, found.name, found.options, arguments=found.arguments)
        if "checkpoint_prefix" in case.facts:
            return translate("waveunet", SEPARATOR, options)
        return translate("demucs_v2", f"demucs.model.{case.facts.get('class', 'Demucs')}", options)
    except ConfigError as error:
        if "no architecture here" in str(error):
            return None
        raise


def runnable(case: Case) -> bool:
    found = checkpoints(case)
    return len(found) == 1 and meant(case, found[""]) is not None


def state(case: Case) -> dict[str, Tensor]:
    """Return the decoded weights by their original names."""
    decoded: dict[str, Tensor] = {}
    for prefix, found in checkpoints(case).items():
        weights = found.named(_layout(case, found))
        decoded |= {f"{prefix}{name}": dense(weight) for name, weight in weights.items()}
    return decoded


def _layout(case: Case, found: Checkpoint) -> Mapping[str, tuple[int, ...]]:
    """Return shapes in the order of registration: a quantised state has neither."""
    if not isinstance(found.state, DiffQState):
        return {}
    if network := meant(case, found):
        return shapes(blank(network.architecture, network.config))
    # The network is not here: its shapes are those of the expected state, or of another
    # file of a network that was made by the same call.
    for folder in (case.folder, *sorted(case.folder.parent.iterdir())):
        weights = folder / "weights.safetensors"
        names = case.facts["decoded_state_sha256"]
        if weights.is_file() and set(known := load_file(weights)) == set(names):
            return {name: tuple(known[name].shape) for name in names}
    raise LookupError(f"nobody knows the shapes of {case.name}")


def expected_hashes(case: Case) -> dict[str, str]:
    """Return the first digits of the hash of every tensor."""
    if "decoded_state_sha256" in case.facts:
        return case.facts["decoded_state_sha256"]
    weights = load_file(case.folder / "weights.safetensors")
    return {name: digest(weight) for name, weight in weights.items()}


def digest(weight: Tensor) -> str:
    return hashlib.sha256(weight.float().contiguous().numpy().tobytes()).hexdigest()[:16]


def forward(case: Case) -> Tensor:
    """Run the network of a file."""
    [found] = checkpoints(case).values()
    published = meant(case, found)
    assert published is not None, "its network is not in the package"
    network = blank(published.architecture, published.config)
    weights = {name: dense(w) for name, w in found.named(shapes(network)).items()}
    fill(network, published.convert(weights), name=case.name)
    with torch.inference_mode():
        if "checkpoint_prefix" in case.facts:  # (batch, time, channels) in, sources first out
            return network(case.input.mT).permute(1, 0, 3, 2)
        return network(case.input)


KINDS = {KIND: forward}
