"""From a loss to new weights: the optimiser, its precision, and what is done to gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from unmixcli.errors import ConfigError
from unmixcli.training.settings import OptimSettings
from unmixcli.training.state import Tree, numbered, unnumbered

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Descent:
    """An optimiser and, for fp16, the scaler of its losses.

    Args:
        network: What is trained; its frozen weights are left alone.
        settings: How.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: Where the network is.

    Raises:
        ConfigError: No weight is left to be trained.
    """

    def __init__(
        self, network: nn.Module, settings: OptimSettings, precision: str, device: torch.device
    ) -> None:
        self.settings = settings
        self.half = HALVES.get(precision)
        self.device = device
        self.weights = [weight for weight in network.parameters() if weight.requires_grad]
        if not self.weights:
            raise ConfigError(
                "--freeze leaves no weight to train", hint="freeze fewer: patterns match names"
            )
        self.optimiser = _optimiser(self.weights, settings)
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        self.skipped = 0

    def computing(self) -> AbstractContextManager[Any]:
        """Compute networks in the chosen precision for a while."""
        if self.half is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.half)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradients to those that are there."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self, rate: float) -> float:
        """Move the weights, and return the norm of all gradients, before clipping.

        A norm that is not finite moves nothing: with fp16 that happens now and then, and
        the scaler then scales less; without it is for the caller to stop.

        Args:
            rate: The learning rate.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.scaler.unscale_(self.optimiser)
        clip = self.settings.clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self.weights, clip))
        if self.scaler.is_enabled():
            before = self.scaler.get_scale()
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self.skipped += self.scaler.get_scale() < before
        elif math.isfinite(norm):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return norm

    @property
    def scaled(self) -> bool:
        """Whether gradients that are not finite are nothing unusual."""
        return bool(self.scaler.is_enabled())

    def state(self) -> Tree:
        """Return everything that a resumed run needs of it."""
        held = self.optimiser.state_dict()
        return {
            "groups": held["param_groups"],
            "weights": numbered(held["state"]),
            "scaler": self.scaler.state_dict(),
            "skipped": self.skipped,
        }

    def restore(self, state: Tree) -> None:
        """Go on from a state that was kept."""
        held = {"param_groups": state["groups"], "state": unnumbered(state["weights"])}
        self.optimiser.load_state_dict(held)
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.skipped = int(state["skipped"])


def _optimiser(weights: list[nn.Parameter], settings: OptimSettings) -> Optimizer:
    kinds: dict[str, Callable[[], Optimizer]] = {
        "adam": lambda: Adam(
            weights, settings.lr, settings.betas, settings.eps, settings.weight_decay
        ),
        "adamw": lambda: AdamW(
            weights, settings.lr, settings.betas, settings.eps, settings.weight_decay
        ),
        "sgd": lambda: SGD(
            weights, settings.lr, settings.betas[0], weight_decay=settings.weight_decay
        ),
    }
    return kinds[settings.name]()
