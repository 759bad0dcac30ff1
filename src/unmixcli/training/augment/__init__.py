"""What is done to the sources of a batch before they are summed.

Every augmentation is a function of its input, the seed, the step and the number of the
item; none uses torch's or numpy's own state. All work on (batch, sources, channels,
samples), on whatever device that is, and draw on the CPU, so that a seed means the same
everywhere. The mixture is the sum of what comes out, and what sounds in it (the labels of
a conditioned network) is found out from it, too: a remix changes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.errors import ConfigError, nearest
from unmixcli.training.augment.draws import Draws
from unmixcli.training.augment.filters import Equaliser, LowPass, Shelf
from unmixcli.training.augment.level import Gain, Sign, Swap
from unmixcli.training.augment.repitch import Repitch
from unmixcli.training.augment.reverb import Reverb
from unmixcli.training.augment.step import Material, Step
from unmixcli.training.augment.time import Remix, Shift
from unmixcli.training.settings import AugmentStep
from unmixcli.training.tables import read

AUGMENTATIONS: dict[str, type[Step]] = {
    "equaliser": Equaliser,
    "gain": Gain,
    "low-pass": LowPass,
    "remix": Remix,
    "repitch": Repitch,
    "reverb": Reverb,
    "shelf": Shelf,
    "shift": Shift,
    "sign": Sign,
    "swap": Swap,
}
"""By the name that a recipe gives."""

__all__ = ["AUGMENTATIONS", "Augmentation", "Draws", "Material", "build"]


@dataclass(frozen=True)
class Augmentation:
    """Augmentations, one after the other.

    Attributes:
        steps: In order.
        material: What is augmented.
    """

    steps: tuple[Step, ...]
    material: Material

    @torch.no_grad()
    def __call__(self, sources: Tensor, *, seed: int, step: int, first: int = 0) -> Tensor:
        """Augment a batch; it is left as it is.

        Args:
            sources: Waveforms, (batch, sources, channels, samples).
            seed: Of the run.
            step: Of the run; no other batch has it.
            first: Number of the first item within the step, over all devices.

        Returns:
            (batch, sources, channels, fewer samples): what :meth:`reads` was asked for.
        """
        draws = Draws(seed=seed, step=step, first=first)
        for place, augment in enumerate(self.steps):
            sources = augment(sources, draws.at(place), self.material)
        return sources

    def reads(self, samples: int) -> int:
        """Return how many samples must be read, to have so many in the end."""
        for step in reversed(self.steps):
            samples = step.reads(samples)
        return samples


def build(
    steps: Sequence[AugmentStep], *, sample_rate: int, sources: Sequence[str] = ()
) -> Augmentation:
    """Make what a recipe lists.

    Args:
        steps: In the order in which they are done.
        sample_rate: Of what is augmented, in Hz.
        sources: Names of the sources, in their order.

    Raises:
        ConfigError: An augmentation or a parameter is unknown, or a value out of bounds.
    """
    made = tuple(_step(step, f"augment.{index}") for index, step in enumerate(steps))
    return Augmentation(made, Material(sample_rate, tuple(sources)))


def _step(step: AugmentStep, where: str) -> Step:
    kind = AUGMENTATIONS.get(step.name)
    if kind is None:
        hint = nearest(step.name, AUGMENTATIONS) or f"known are: {', '.join(AUGMENTATIONS)}"
        raise ConfigError(f"{where}: no augmentation named '{step.name}'", hint=hint)
    try:
        return read(kind, step.params)
    except ConfigError as error:
        raise ConfigError(f"{where} ({step.name}): {error}", hint=error.hint) from error
