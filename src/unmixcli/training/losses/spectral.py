"""Terms that compare spectra."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.network import require_count, require_range
from unmixcli.training.losses.term import Term, level


@dataclass(frozen=True, kw_only=True)
class MultiResolution(Term):
    """Spectral convergence and log-magnitudes at several resolutions (Yamamoto et al. 2020).

    The convergence is taken of each channel, and of those that sound alone: relative to
    silence there is nothing.

    Attributes:
        sizes: Samples of a frame; hops are a quarter.
        floor: Least magnitude, of a frame of unit noise 1, that the logarithm sees.
    """

    sizes: tuple[int, ...] = (512, 1024, 2048)
    floor: float = 1e-4

    def __post_init__(self) -> None:
        _require_frames("sizes", *self.sizes)
        require_range("floor", self.floor, 1e-7, 1)

    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return the mean over resolutions, items, chosen sources and channels."""
        estimate, reference = estimates[:, chosen], references[:, chosen]
        total = estimates.new_zeros(())
        for size in self.sizes:
            made, wanted = (
                spectrum(x, size, size // 4).abs().clamp(min=self.floor)
                for x in (estimate, reference)
            )
            total = total + (made.log() - wanted.log()).abs().mean()
            total = total + self._convergence(made, wanted)
        return total / len(self.sizes)

    def _convergence(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Return |made - wanted| / |wanted|, norms over bins and frames."""
        norm = wanted.square().mean((-2, -1))
        sounding = norm > 4 * self.floor**2
        distance = (made - wanted).square().mean((-2, -1))
        # A root has no slope at zero: there, and for silence, nothing is to be gained.
        share = (distance / torch.where(sounding, norm, 1.0)).clamp(min=1e-12).sqrt()
        return torch.where(sounding, share, 0.0).mean()


@dataclass(frozen=True, kw_only=True)
class Spectrum(Term):
    """Absolute differences of complex bins and of compressed magnitudes; ours, for ``mini``.

    Attributes:
        size: Samples of a frame.
        hop: Samples from one to the next.
        power: Exponent of the magnitudes.
        floor: What is added to them first.
        relative: Divide each item by the level of its mixture first.
    """

    size: int = 4096
    hop: int = 1024
    power: float = 0.4
    floor: float = 1e-3
    relative: bool = True

    def __post_init__(self) -> None:
        _require_frames("size", self.size)
        require_count("hop", self.hop, 1, self.size)
        require_range("power", self.power, 0.05, 2)
        require_range("floor", self.floor, 1e-7, 1)

    def __call__(self, estimates: Tensor, references: Tensor, chosen: Tensor) -> Tensor:
        """Return the sum of both means over the chosen sources."""
        scale = level(references) if self.relative else references.new_ones(())
        estimate, reference = (
            (x[:, chosen] / scale).flatten(0, 1) for x in (estimates, references)
        )
        # Silence that is silent costs nothing: of many sources, most need no transform.
        alive = (estimate.detach().abs() + reference.abs()).amax(dim=(1, 2)) > 0
        if not alive.any():
            return estimate.sum() * 0
        made, wanted = (spectrum(x[alive], self.size, self.hop) for x in (estimate, reference))
        complex_bins = torch.view_as_real(made - wanted).abs()
        compressed = [(x.abs() + self.floor).pow(self.power) for x in (made, wanted)]
        distance = complex_bins.mean((1, 2, 3, 4)) + (compressed[0] - compressed[1]).abs().mean(
            (1, 2, 3)
        )
        return distance.sum() / len(alive)


def spectrum(signal: Tensor, size: int, hop: int) -> Tensor:
    """Return the spectra of frames, scaled so that unit noise has a mean square of 1.

    Frames are centred on every ``hop``-th sample; past the ends there is silence.

    Args:
        signal: (..., samples).
        size: Samples of a frame.
        hop: Samples from one to the next.

    Returns:
        (..., bins, frames), complex.
    """
    window = torch.hann_window(size, dtype=signal.dtype, device=signal.device)
    frames = torch.stft(
        signal.flatten(0, -2),
        size,
        hop,
        window=window / window.norm(),
        pad_mode="constant",
        return_complex=True,
    )
    return frames.reshape(*signal.shape[:-1], *frames.shape[1:])


def _require_frames(name: str, *sizes: int) -> None:
    if not sizes:
        raise ConfigError(f"{name} must have at least one entry")
    for size in sizes:
        require_count(name, size, 16, 1 << 17)
