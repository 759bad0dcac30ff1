"""What a run starts from: a new network, or one that has been trained before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import cast

from torch import Tensor, nn

from unmixcli.errors import ConfigError, nearest
from unmixcli.network import ModelConfig
from unmixcli.training.network import Resolved
from unmixcli.training.seeds import Purpose, seed_torch
from unmixcli.weights import catalogue, checkpoint, loader
from unmixcli.weights.checkpoint import Header

NOT_STATED = "not-stated"


@dataclass(frozen=True, kw_only=True)
class Start:
    """A network before its first step.

    Attributes:
        network: With its weights.
        resolved: What it is.
        licence: Terms of the weights, which those made from them inherit.
        provenance: Where they come from.
        notes: What a user should know.
    """

    network: nn.Module
    resolved: Resolved
    licence: str = NOT_STATED
    provenance: str = "trained from scratch"
    notes: tuple[str, ...] = ()

    def header(self, provenance: str) -> Header:
        """Return what a file of its weights says of itself."""
        return Header(
            architecture=self.resolved.architecture,
            config=self.resolved.config,
            schedule=self.resolved.schedule,
            licence=self.licence,
            provenance=provenance,
        )


def from_scratch(resolved: Resolved, seed: int) -> Start:
    """Return a network with weights that only the seed decides."""
    seed_torch(seed, Purpose.WEIGHTS)
    return Start(network=resolved.build(), resolved=resolved)


def known(model: loader.Model) -> Resolved:
    """Return what the network of a loaded model is.

    Raises:
        ConfigError: It is a mean of several.
    """
    if len(model.networks) != 1:
        listed = ", ".join(_members(model)) or "give its file with --model"
        raise ConfigError(
            f"'{model.name}' is a mean of {len(model.networks)} networks",
            hint=f"train one of them: {listed}",
        )
    # An architecture is a module of unmixcli.models, and its network's class is defined there.
    kind = type(model.networks[0]).__module__.rpartition(".")[2]
    return Resolved(architecture=kind, config=model.config, schedule=model.schedule)


def _members(model: loader.Model) -> list[str]:
    """Return the names of the listed models that are one network of a mean."""
    held = set(model.sha256)
    return [
        entry.name
        for entry in catalogue.models().values()
        if len(entry.members) == 1
        and held.issuperset(file.sha256 for file in entry.members[0].files)
    ]


def from_model(model: loader.Model, resolved: Resolved, seed: int) -> Start:
    """Return a network with the weights of a model, as far as they fit.

    Other sources than the model's have a new output layer; a network of the same shape
    whose sources only have other names, too.

    Raises:
        ConfigError: It is another architecture.
    """
    before = known(model)
    if before.architecture != resolved.architecture:
        raise ConfigError(
            f"'{model.name}' is of the architecture '{before.architecture}', the recipe's "
            f"network of '{resolved.architecture}'",
            hint="leave out --recipe, or start from scratch with --architecture",
        )
    fresh = from_scratch(resolved, seed).network
    held = cast(nn.Module, model.networks[0]).state_dict()
    new = _unfit(fresh.state_dict(), held)
    if resolved.config.sources != before.config.sources:
        new |= outputs(resolved) & set(fresh.state_dict())
    kept = {name: weight for name, weight in held.items() if name not in new}
    fresh.load_state_dict(deepcopy(kept), strict=False)
    return Start(
        network=fresh,
        resolved=resolved,
        licence=model.licence.spdx,
        provenance=f"fine-tuned from {model.name}, sha256 {', '.join(model.sha256)}",
        notes=_said(model.name, new, len(fresh.state_dict())),
    )


def _unfit(wanted: dict[str, Tensor], held: dict[str, Tensor]) -> set[str]:
    return {
        name
        for name, weight in wanted.items()
        if name not in held or held[name].shape != weight.shape
    }


def _said(name: str, new: set[str], count: int) -> tuple[str, ...]:
    if not new:
        return ()
    listed = ", ".join(sorted(new)[:4]) + (", ..." if len(new) > 4 else "")
    return (
        f"{len(new)} of the {count} weights of '{name}' do not fit other sources or labels "
        f"and start anew: {listed}",
    )


def outputs(resolved: Resolved) -> set[str]:
    """Return the weights that make sources of features: those that another source changes.

    Of a list of heads, one for each source, all are meant, not only the one more.
    """
    sources = resolved.config.sources
    extra = next(n for n in (f"source{i}" for i in range(200)) if n not in sources)
    more = with_sources(resolved, (*sources, extra))
    ours = checkpoint.blank(resolved.architecture, resolved.config).state_dict()
    others = checkpoint.blank(resolved.architecture, more.config).state_dict()
    changed = {name for name in ours if name in others and ours[name].shape != others[name].shape}
    lists = {re.sub(r"\d+", "#", name) for name in set(others) - set(ours)}
    return changed | {name for name in ours if re.sub(r"\d+", "#", name) in lists}


def with_sources(resolved: Resolved, sources: Sequence[str]) -> Resolved:
    """Return the same network for other sources.

    Raises:
        ConfigError: It cannot have them.
    """
    config: ModelConfig = replace(resolved.config, sources=tuple(sources))
    return replace(resolved, config=config)


def freeze(network: nn.Module, patterns: Sequence[str]) -> int:
    """Leave weights as they are whose names match; return how many numbers that are.

    Args:
        network: The network.
        patterns: Names with ``*`` and ``?``; one without them means all that begins so.

    Raises:
        ConfigError: A pattern matches none.
    """
    names = [name for name, _ in network.named_parameters()]
    frozen = 0
    for pattern in patterns:
        chosen = {n for n in names if fnmatchcase(n, pattern) or n.startswith(f"{pattern}.")}
        if not chosen:
            first = names[0].partition(".")[0]
            raise ConfigError(
                f"--freeze '{pattern}' matches no weight of the network",
                hint=nearest(pattern, names) or f"names look like '{names[0]}'; try '{first}.*'",
            )
        for name, weight in network.named_parameters():
            if name in chosen:
                frozen += weight.numel() if weight.requires_grad else 0
                weight.requires_grad_(False)
    return frozen
