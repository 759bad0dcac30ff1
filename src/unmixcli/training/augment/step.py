"""What every augmentation is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.network import require_range
from unmixcli.training.augment.draws import Draws


@dataclass(frozen=True, slots=True)
class Material:
    """What is augmented.

    Attributes:
        sample_rate: In Hz.
        sources: Their names, in the order of the sources' axis.
    """

    sample_rate: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """One augmentation; its fields are what a recipe may set.

    Attributes:
        p: Probability with which it is done, drawn anew for whatever it is done to.
    """

    p: float = 1.0

    def __post_init__(self) -> None:
        require_range("p", self.p, 0, 1)

    @abstractmethod
    def __call__(self, sources: Tensor, draws: Draws, material: Material) -> Tensor:
        """Augment a batch.

        Args:
            sources: Waveforms, (batch, sources, channels, samples); they are left as they are.
            draws: Where random numbers come from.
            material: What is augmented.

        Returns:
            The same shape, but for steps that need more samples than they give.
        """

    def reads(self, samples: int) -> int:
        """Return how many samples it needs, to give so many."""
        return samples


def require_order(name: str, low: float, high: float) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        ConfigError: It does.
    """
    if low > high:
        raise ConfigError(f"{name} must not go down, got {low!r} to {high!r}")
