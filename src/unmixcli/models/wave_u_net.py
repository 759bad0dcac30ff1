"""Wave-U-Net: separation on the waveform at several time scales.

Stoller, Ewert & Dixon, "Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio
Source Separation", ISMIR 2018, arXiv:1806.03185. Its variants are settings of one network:

    M1  zero padding, mono, every source predicted    M5  M4, learned upsampling
    M2  M1, the last source is the difference         M6  M4, four instruments
    M3  M2, with input context                        M7  M3, wider, at 8192 Hz
    M4  M3, stereo

    paper                       here
    L, number of levels         depth
    F_c, extra filters a level  width
    f_d, f_u                    down_kernel, up_kernel
    input context, §3.2         context
    difference output, §3.2     difference
    learned upsampling, §3.2    upsampling

Where paper and code differ, the code made the published weights and is followed: the last
source of a difference output is not squashed but, in evaluation alone, clipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.layers.crop import centre_crop
from unmixcli.layers.upsample import upsample
from unmixcli.network import Architecture, Geometry, ModelConfig, require_range

SLOPE = 0.2  # of the leaky rectifiers
CHOICES = {"upsampling": ("linear", "learned"), "activation": ("tanh", "linear")}


@dataclass(frozen=True, kw_only=True)
class WaveUNetConfig(ModelConfig):
    """Hyper-parameters; the defaults are M3's and M4's.

    Attributes:
        depth: Levels, L; each halves the rate.
        width: Filters that each level has more than the one before, F_c.
        down_kernel: Filter length going down and at the bottom, f_d.
        up_kernel: Filter length going up, f_u.
        output_kernel: Filter length of the last convolutions.
        surplus: Samples read in excess of what the convolutions take: the authors' code
            counts its first convolution with a length that it need not have.
        context: Convolve only where all is known, and so read more than is predicted;
            otherwise pad every convolution with zeros.
        upsampling: ``linear``, or ``learned`` shares of both neighbours, one per filter.
        difference: Predict the last source as the mixture less all others.
        activation: ``tanh`` or ``linear``, of the predicted sources.
        clip: Keep every source within [-1, 1] in evaluation.
    """

    depth: int = 12
    width: int = 24
    down_kernel: int = 15
    up_kernel: int = 5
    output_kernel: int = 1
    surplus: int = 0
    context: bool = True
    upsampling: str = "linear"
    difference: bool = True
    activation: str = "tanh"
    clip: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        fewest = 2 if self.difference else 1
        require_range("number of sources", len(self.sources), fewest, 128)
        require_range("depth", self.depth, 1, 16)
        require_range("width", self.width, 1, 512)
        require_range("down_kernel", self.down_kernel, 1, 255)
        require_range("up_kernel", self.up_kernel, 1, 255)
        require_range("output_kernel", self.output_kernel, 1, 255)
        # More would reach the coarsest level, and be predicted from.
        require_range("surplus", self.surplus, 0, self.step - 1 if self.context else 0)
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        heaviest = max(self.down_kernel, 2 * self.up_kernel) * self.widths[-1] ** 2
        require_range("weights of the widest level", heaviest, 1, 2**28)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, outermost first, and of the bottleneck."""
        return tuple(self.width * level for level in range(1, self.depth + 2))

    @property
    def reads(self) -> tuple[int, int, int]:
        """Channels that the encoder reads, the decoder from below, the output from the decoder."""
        return self.channels, self.widths[-1], self.widths[0]

    @property
    def step(self) -> int:
        """Samples of a frame of the coarsest level."""
        return int(2**self.depth)

    @property
    def lost(self) -> int:
        """Samples read in order to predict nothing at their place, on both sides together."""
        if not self.context:
            return 0
        down, up = self.down_kernel - 1, self.up_kernel - 1
        levels = (self.step - 1) * (down + up)
        return self.step * down + levels + self.output_kernel - 1 + self.surplus

    @property
    def edge(self) -> int:
        """Samples at an end whose estimates see that zero padding begins there, in whole steps."""
        if self.context:
            return 0
        reach, down = 0, self.down_kernel // 2
        for _ in range(self.depth):
            reach = ceil((reach + down) / 2)
        reach += down
        for _ in range(self.depth):
            reach = 2 * reach + 1 + self.up_kernel // 2
        return self.step * ceil((reach + self.output_kernel // 2) / self.step)

    def geometry(self, target: int) -> Geometry:
        """Return the least that can be read to predict ``target`` samples (§3.2).

        With context the coarsest level holds whole frames, and what is predicted of
        them is rarely what was asked for: at the paper's sizes 16389 samples, not 16384.
        """
        if not self.context:
            return Geometry(target, target, self.edge)
        eaten = (self.step - 1) * self.up_kernel + self.output_kernel - 1
        predicted = self.step * ceil((target + eaten) / self.step) - eaten
        return Geometry(predicted + self.lost, predicted)


class WaveUNetBody(nn.Module):
    """Encoder, decoder and output; ``up[0]`` is the deepest level of the decoder."""

    def __init__(self, config: WaveUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, context = config.widths, config.context
        mixture, bottom, top = config.reads
        self.down = nn.ModuleList(
            _Convolution(read, made, config.down_kernel, context=context)
            for read, made in pairwise([mixture, *widths[:-1]])
        )
        self.bottleneck = _Convolution(widths[-2], widths[-1], config.down_kernel, context=context)
        below = [bottom, *reversed(widths[1:-1])]
        self.interp = nn.ParameterList(
            _drawn_shares(width) for width in below if config.upsampling == "learned"
        )
        self.up = nn.ModuleList(
            _Convolution(skip + width, skip, config.up_kernel, context=context)
            for skip, width in zip(reversed(widths[:-1]), below, strict=True)
        )
        self.heads = nn.ModuleList(
            _Convolution(
                config.channels + top, config.channels, config.output_kernel, context=context
            )
            for _ in range(len(config.sources) - config.difference)
        )

    @property
    def alignment(self) -> int | None:
        """2**depth: what is decimated stays in phase only with shifts by whole frames.

        Of an odd context no two cuts agree on the middle; only even kernels make one.
        """
        return None if self.config.lost % 2 else self.config.step

    def geometry(self, target: int) -> Geometry:
        """Return what :meth:`WaveUNetConfig.geometry` does."""
        return self.config.geometry(target)

    def fitted(self, mixture: Tensor) -> Tensor:
        """Complete a mixture to whole frames of the coarsest level, with zeros at its end.

        Raises:
            ValueError: With context, where zeros would pass for music: no geometry has
                an input of that length.
        """
        length, step = mixture.shape[-1], self.config.step
        if not self.config.context:
            return F.pad(mixture, (0, -length % step))
        least = self.geometry(1).input_length
        if length < least or (length - least) % step:
            raise ValueError(f"cannot read {length} samples, only {least} and every {step} more")
        return mixture

    def encode(self, mixture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Go down: (batch, channels, input) to the coarsest features, and those of each level."""
        skips, features = [], mixture
        for convolution in self.down:
            features = F.leaky_relu(convolution(features), SLOPE)
            skips.append(features)
            features = features[..., ::2]
        return F.leaky_relu(self.bottleneck(features), SLOPE), skips

    def decode(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """Go up: the coarsest features to (batch, width, samples); takes the skips."""
        for level, convolution in enumerate(self.up):
            share = torch.sigmoid(self.interp[level])[:, None] if self.interp else None
            features = upsample(features, share, context=self.config.context)
            skip = centre_crop(skips.pop(), features.shape[-1])
            features = F.leaky_relu(convolution(torch.cat([skip, features], dim=1)), SLOPE)
        return features

    def estimate(self, features: Tensor, mixture: Tensor) -> Tensor:
        """Map features and the mixture they are of to (batch, sources, channels, output)."""
        mixture = centre_crop(mixture, features.shape[-1])
        features = torch.cat([mixture, features], dim=1)
        estimates = torch.stack([head(features) for head in self.heads], dim=1)
        if self.config.activation == "tanh":
            estimates = torch.tanh(estimates)
        estimates = self._clipped(estimates)
        if self.config.difference:
            last = centre_crop(mixture, estimates.shape[-1]) - estimates.sum(dim=1)
            estimates = torch.cat([estimates, self._clipped(last)[:, None]], dim=1)
        return estimates

    def _clipped(self, estimates: Tensor) -> Tensor:
        # In training a clipped source would have no gradient to come back by.
        return estimates.clamp(-1, 1) if self.config.clip and not self.training else estimates


class WaveUNet(WaveUNetBody):
    """A Wave-U-Net, M1 to M7; with more sources, the Exp-Wave-U-Net."""

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, input), in [-1, 1].

        Returns:
            Estimates, (batch, sources, channels, output).

        Raises:
            ValueError: No geometry has an input of that length.
        """
        read = self.fitted(mixture)
        features, skips = self.encode(read)
        return self.estimate(self.decode(features, skips), read)[..., : mixture.shape[-1]]


class _Convolution(nn.Conv1d):
    """A convolution that sees only what is there, or zeros beyond the ends.

    An even kernel sees one more of them at the right.
    """

    def __init__(self, read: int, made: int, kernel_size: int, *, context: bool) -> None:
        super().__init__(read, made, kernel_size)
        self.around = None if context else ((kernel_size - 1) // 2, kernel_size // 2)

    def reset_parameters(self) -> None:
        """Draw what the authors' framework drew: Glorot's uniform weights, and no bias."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(F.pad(features, self.around) if self.around else features)


def _drawn_shares(width: int) -> nn.Parameter:
    limit = (3 / width) ** 0.5
    return nn.Parameter(torch.empty(width).uniform_(-limit, limit))


ARCHITECTURE = Architecture(config=WaveUNetConfig, build=WaveUNet)
