"""Terms that compare waveforms."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.network import require_range
from unmixcli.training.losses.term import SILENT, Term, level
from unmixcli.training.settings import require_choice


@dataclass(frozen=True, kw_only=True)
class Difference(Term):
    """A mean, or a sum, over the differences of samples.

    Attributes:
        reduction: ``mean`` over everything, or ``sum`` over all but the batch: parts of a
            batch, and devices, so come to the same as the whole.
        relative: Divide each item by the level of its mixture first.
    """

    reduction: str = "mean"
    relative: bool = False

    def __post_init__(self) -> None:
        require_choice("reduction", self.reduction, ("mean", "sum"))

    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return mean or sum over the chosen sources."""
        difference = (estimates - references)[:, chosen]
        if self.relative:
            difference = difference / level(references)
        of_items = self.measure(difference).flatten(1)
        return (of_items.mean(1) if self.reduction == "mean" else of_items.sum(1)).mean()

    @abstractmethod
    def measure(self, difference: Tensor) -> Tensor:
        """Return what each difference costs."""


@dataclass(frozen=True, kw_only=True)
class L1(Difference):
    """Absolute differences: Demucs, and Wavenet with the dissimilarity."""

    def measure(self, difference: Tensor) -> Tensor:
        """Return the magnitudes."""
        return difference.abs()


@dataclass(frozen=True, kw_only=True)
class L2(Difference):
    """Squared differences: Wave-U-Net and its extensions."""

    def measure(self, difference: Tensor) -> Tensor:
        """Return the squares."""
        return difference.square()


@dataclass(frozen=True, kw_only=True)
class Dissimilarity(Term):
    """Less the distance of estimates to the sources that they are not (Lluís et al. 2019, §3).

    With :class:`L1` over the same sources, the sum is the paper's: the mean over j of
    |ŷ_j - y_j| - alpha Σ_{i≠j} |ŷ_j - y_i|. The i are all sources, predicted or not.

    Attributes:
        alpha: The paper's 0.05.
    """

    alpha: float = 0.05

    def __post_init__(self) -> None:
        require_range("alpha", self.alpha, 0, 1)

    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return the mean over the chosen sources."""
        others = estimates.new_zeros(())
        for j in chosen.tolist():
            for i in range(references.shape[1]):
                if i != j:
                    others = others + (estimates[:, j] - references[:, i]).abs().mean()
        return -self.alpha * others / len(chosen)


@dataclass(frozen=True, kw_only=True)
class Sdr(Term):
    """Less the ratio of signal to distortion, in dB, of the waveform as it is.

    The mean over sources that sound; there is none for silence.

    Attributes:
        most: dB up to which it pays to be better: the distortion counts as no less than
            so much below the signal.
    """

    most: float = 60.0

    def __post_init__(self) -> None:
        require_range("most", self.most, 1, 120)

    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return the mean over the chosen sources that sound."""
        estimate, reference = (x[:, chosen].flatten(2) for x in (estimates, references))
        sounding = reference.square().mean(-1) > SILENT
        target = self.target(estimate, reference)
        signal, distortion = target.square().mean(-1), (estimate - target).square().mean(-1)
        least = 10 ** (-self.most / 10)
        # Bounded below, too: what has nothing of its source would be minus infinity.
        ratio = (signal + least * SILENT) / (distortion + least * (signal + SILENT))
        decibels = torch.where(sounding, -10 * ratio.log10(), 0.0)
        return decibels.sum() / sounding.sum().clamp(min=1)

    def target(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Return what of an estimate is signal, both (batch, sources, values)."""
        return reference


@dataclass(frozen=True, kw_only=True)
class SiSdr(Sdr):
    """The same, whatever the scale of the estimate (Le Roux et al. 2019); channels share one."""

    def target(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Return the reference, as loud as it is in the estimate."""
        power = reference.square().mean(-1)
        safe = torch.where(power > SILENT, power, 1.0)
        scale = (estimate * reference).mean(-1) / safe
        return scale[..., None] * reference
