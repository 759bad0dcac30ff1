"""A Wavenet for source separation: stacks of dilated convolutions on the waveform.

Lluís, Pons & Serrà, "End-to-end music source separation: is it possible in the waveform
domain?", Interspeech 2019, arXiv:1810.12187, figure 1; the non-causal Wavenet for
denoising of Rethage et al. (2018) with an output for each source.

    paper                   here
    stacks, N               stacks
    filters k               residual, skip
    dilations 1, ..., 512   dilations
    target field            what is predicted of an input; all but the receptive field

Where the paper leaves a choice, this is what made the published weights: no convolution
but the last has a bias, and the output is linear. The last source has no output of its
own: it is what the others leave of the mixture.

As published, the first and last samples of a block are not quite those of a long pass.
Every convolution takes zeros past the ends of what it is given, the receptive field that
decides how much is read counts the dilated convolutions only, and the last two see no
more of their input than ``padding`` samples beyond the target field. The weights were
trained so. ``Geometry.edge`` says how far that goes, for who wants none of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.network import Architecture, Geometry, ModelConfig, require_count, require_range


@dataclass(frozen=True, kw_only=True)
class WavenetConfig(ModelConfig):
    """Hyper-parameters; the defaults are the published music networks'.

    Attributes:
        stacks: How often the dilations come again, N; 1 to 5 in the paper.
        dilations: Dilation of each block of a stack.
        kernel_size: Filter length of the first and of the dilated convolutions; odd.
        residual: Channels between the blocks, k.
        skip: Channels that each block adds to the output.
        final: Channels of the two convolutions before the output.
        final_kernels: Their filter lengths; odd.
        padding: Samples beyond either end of the target field that those two see.
    """

    stacks: int = 4
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    kernel_size: int = 3
    residual: int = 64
    skip: int = 64
    final: tuple[int, ...] = (2048, 256)
    final_kernels: tuple[int, ...] = (3, 3)
    padding: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("number of sources", len(self.sources), 2, 128)
        require_range("channels", self.channels, 1, 1)
        require_range("stacks", self.stacks, 1, 32)
        _require_counts("dilations", self.dilations, range(1, 33), most=2**20)
        _require_counts("final", self.final, range(2, 3), most=8192)
        _require_counts("final_kernels", self.final_kernels, range(2, 3), most=63)
        require_range("kernel_size", self.kernel_size, 1, 63)
        require_range("residual", self.residual, 1, 4096)
        require_range("skip", self.skip, 1, 4096)
        if not all(length % 2 for length in (self.kernel_size, *self.final_kernels)):
            raise ConfigError(
                f"kernel_size and final_kernels must be odd, so that a convolution keeps its "
                f"length, got {self.kernel_size} and {self.final_kernels}"
            )
        require_range("context of a sample", self.reach, 0, 2**24)
        # What they see begins within the input.
        require_range("padding", self.padding, 0, self.reach)
        taps, (first, second) = self.kernel_size, self.final
        block = self.residual * (2 * taps * self.residual + self.residual + self.skip)
        require_range("weights of the blocks", len(self.blocks) * block, 1, 2**28)
        ends = self.final_kernels[0] * self.skip * first + self.final_kernels[1] * first * second
        require_range("weights of the output", ends + len(self.sources) * second, 1, 2**28)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Dilation of every block, in order."""
        return self.stacks * self.dilations

    @property
    def reach(self) -> int:
        """Samples read beyond either end of the target field: half the receptive field."""
        return sum(self.blocks) * (self.kernel_size // 2)

    @property
    def receptive_field(self) -> int:
        """Samples that the dilated convolutions look at, as the authors count them."""
        return 2 * self.reach + 1


class Wavenet(nn.Module):
    """Gated residual blocks whose skips, summed, become every source but the last."""

    def __init__(self, config: WavenetConfig) -> None:
        super().__init__()
        self.config = config
        taps, (first, second) = config.kernel_size, config.final
        self.first = nn.Conv1d(1, config.residual, taps, padding="same", bias=False)
        self.blocks = nn.ModuleList(_Block(config, dilation) for dilation in config.blocks)
        self.final = nn.ModuleList(
            nn.Conv1d(width, made, length, padding="same", bias=False)
            for width, made, length in zip(
                (config.skip, first), (first, second), config.final_kernels, strict=True
            )
        )
        self.output = nn.Conv1d(second, len(config.sources) - 1, 1)
        for weights in self.parameters():  # drawn as the original's framework draws them
            if weights.dim() > 1:
                nn.init.xavier_uniform_(weights)
            else:
                nn.init.zeros_(weights)

    @property
    def alignment(self) -> int:
        """But for its edges, the network commutes with every shift."""
        return 1

    def geometry(self, target: int) -> Geometry:
        """Return what is asked for and its receptive field, of which the edges see less."""
        reach, lengths = self.config.reach, (self.config.kernel_size, *self.config.final_kernels)
        return Geometry(target + 2 * reach, target, edge=sum(length // 2 for length in lengths))

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, 1, target + receptive field - 1).

        Returns:
            Estimates, (batch, sources, 1, target); they sum to the mixture's centre.
        """
        target = mixture.shape[-1] - 2 * self.config.reach
        made = self.target_field(mixture).narrow(-1, self.config.padding, target)
        centre = mixture.narrow(-1, self.config.reach, target)[:, None]
        return torch.cat([made, centre - made.sum(dim=1, keepdim=True)], dim=1)

    def target_field(self, mixture: Tensor) -> Tensor:
        """Return what the network itself gives, which is what a loss sees in training.

        Args:
            mixture: Waveform, (batch, 1, target + receptive field - 1).

        Returns:
            Every source but the last, (batch, sources - 1, 1, target + 2 * padding). An
            even target gets one sample more at the right, as from the published code,
            which counts from the middle.
        """
        config, length = self.config, mixture.shape[-1]
        start = config.reach - config.padding
        target = (length - 2 * config.reach) // 2 * 2 + 1
        stop = min(start + target + 2 * config.padding, length)

        features = self.first(mixture)
        low, high, later = 0, length, config.reach  # what is held, and how far blocks will look
        skips = features.new_zeros(())
        for block, dilation in zip(self.blocks, config.blocks, strict=True):
            # A block computes what later ones read, and no more; past the input, zeros.
            later -= dilation * (config.kernel_size // 2)
            left, right = max(start - later, 0) - low, high - min(stop + later, length)
            low, high = low + left, high - right
            features, skip = block(features, left, right)
            skips = skips + skip[..., start - low : stop - low]
        for convolution in self.final:
            skips = convolution(skips.relu())
        estimates: Tensor = self.output(skips)
        return estimates[:, :, None]


class _Block(nn.Module):
    """A dilated convolution, gated, and what it adds to the features and to the output."""

    def __init__(self, config: WavenetConfig, dilation: int) -> None:
        super().__init__()
        self.widths = [config.residual, config.skip]
        self.reach = dilation * (config.kernel_size // 2)
        self.dilated = nn.Conv1d(
            config.residual, 2 * config.residual, config.kernel_size, dilation=dilation, bias=False
        )
        self.mix = nn.Conv1d(config.residual, sum(self.widths), 1, bias=False)

    def forward(self, features: Tensor, left: int, right: int) -> tuple[Tensor, Tensor]:
        """Return features and skip, shorter at the ends by ``left`` and ``right``."""
        seen = F.pad(features, (self.reach - left, self.reach - right))
        signal, gate = self.dilated(seen).chunk(2, dim=1)
        added, skip = self.mix(signal.tanh() * gate.sigmoid()).split(self.widths, dim=1)
        return features[..., left : features.shape[-1] - right] + added, skip


def _require_counts(name: str, values: tuple[int, ...], lengths: range, most: int) -> None:
    """Refuse what is no tuple of so many whole numbers in 1..most.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(values, tuple) or len(values) not in lengths:
        wanted = " to ".join(str(length) for length in sorted({lengths[0], lengths[-1]}))
        raise ConfigError(f"{name} must be {wanted} integers, got {values!r}")
    for value in values:
        require_count(name, value, 1, most)


ARCHITECTURE = Architecture(config=WavenetConfig, build=Wavenet)
