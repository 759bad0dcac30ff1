"""Conv-TasNet: masks on a learned filter bank, from stacks of dilated convolutions.

Luo & Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for
Speech Separation", IEEE/ACM TASLP 27(8), 2019, in the form that Défossez et al. (2019),
arXiv:1911.13254, trained on stereo music: the channels share one mask.

    paper   here            meaning
    N       filters         filters of the learned filter bank
    L       kernel_size     their length, in samples; they overlap by half
    B       bottleneck      channels between the blocks
    H       hidden          channels within a block
    P       block_kernel    filter length within a block
    X       blocks          blocks of a repeat, dilated by 1, 2, 4, ...
    R       repeats         repeats
    C       sources         estimates

The paper's separate skip connections are absent, as from the code that made the
published weights: a block adds to what the next one reads, and to nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.layers.norms import ChannelwiseNorm, GlobalNorm
from unmixcli.network import Architecture, Geometry, ModelConfig, require_range

NORMS = ("gLN", "cLN", "BN", "id")
MASKS = ("relu", "softmax")


@dataclass(frozen=True, kw_only=True)
class ConvTasNetConfig(ModelConfig):
    """Hyper-parameters; the defaults are the published music networks'.

    Attributes:
        filters: Filters of the learned filter bank, N.
        kernel_size: Their length in samples, L; the hop is half of it, rounded down.
        bottleneck: Channels between the blocks, B.
        hidden: Channels within a block, H.
        block_kernel: Filter length within a block, P; odd unless ``causal``.
        blocks: Blocks of a repeat, X, dilated by 1, 2, 4, ...
        repeats: How often those blocks come again, R.
        norm: ``gLN`` over channels and time, ``cLN`` over channels, ``BN`` over the
            batch, or ``id`` for none.
        causal: Let no block read what comes after a frame.
        mask: ``relu``, or ``softmax`` over the sources.
    """

    filters: int = 256
    kernel_size: int = 20
    bottleneck: int = 256
    hidden: int = 512
    block_kernel: int = 3
    blocks: int = 10
    repeats: int = 4
    norm: str = "gLN"
    causal: bool = False
    mask: str = "relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("number of sources", len(self.sources), 1, 128)
        require_range("filters", self.filters, 1, 4096)
        require_range("kernel_size", self.kernel_size, 2, 4096)
        require_range("bottleneck", self.bottleneck, 1, 4096)
        require_range("hidden", self.hidden, 1, 8192)
        require_range("block_kernel", self.block_kernel, 1, 63)
        require_range("blocks", self.blocks, 1, 16)
        require_range("repeats", self.repeats, 1, 32)
        blocks = (
            self.blocks * self.repeats * self.hidden * (2 * self.bottleneck + self.block_kernel)
        )
        require_range("weights of the blocks", blocks, 1, 2**28)
        ends = self.filters * (
            len(self.sources) * self.bottleneck + 2 * self.channels * self.kernel_size
        )
        require_range("weights of filter bank and mask", ends, 1, 2**28)
        if self.norm not in NORMS:
            raise ConfigError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}")
        if self.mask not in MASKS:
            raise ConfigError(f"mask must be one of {', '.join(MASKS)}, got {self.mask!r}")
        if self.block_kernel % 2 == 0 and not self.causal:
            raise ConfigError(
                f"block_kernel must be odd unless causal, so that a block keeps its length, "
                f"got {self.block_kernel}"
            )


class ConvTasNet(nn.Module):
    """A filter bank, a separator that masks it per source, and its inverse."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.separator = _Separator(config)
        self.decoder = _Decoder(config)
        for weights in self.parameters():
            if weights.dim() > 1:  # gains and offsets of the norms too, as in the original
                nn.init.xavier_normal_(weights)

    @property
    def alignment(self) -> None:
        """Global normalisation depends on the whole input, so that no cut is seamless."""
        return

    def geometry(self, target: int) -> Geometry:
        """Return as many samples as asked for, but at least one filter's length."""
        length = max(target, self.config.kernel_size)
        return Geometry(length, length)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, samples), in [-1, 1].

        Returns:
            Estimates, (batch, sources, channels, samples). What follows the last
            whole hop is silence.
        """
        frames = self.encoder(mixture)
        estimates: Tensor = self.decoder(frames[:, None] * self.separator(frames))
        return F.pad(estimates, (0, mixture.shape[-1] - estimates.shape[-1]))


class _Encoder(nn.Module):
    """The filter bank: (batch, channels, samples) to non-negative (batch, filters, frames)."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.conv1d_U = nn.Conv1d(
            config.channels, config.filters, config.kernel_size, config.kernel_size // 2, bias=False
        )

    def forward(self, mixture: Tensor) -> Tensor:
        return F.relu(self.conv1d_U(mixture))


class _Decoder(nn.Module):
    """The inverse: (batch, sources, filters, frames) to (batch, sources, channels, samples)."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.basis_signals = nn.Linear(
            config.filters, config.channels * config.kernel_size, bias=False
        )

    def forward(self, frames: Tensor) -> Tensor:
        # Row c * kernel_size + tap of the matrix is sample `tap` of channel c. Mapping each
        # frame and adding up what overlaps is what a transposed convolution does.
        config = self.config
        basis = self.basis_signals.weight.view(config.channels, config.kernel_size, config.filters)
        samples = F.conv_transpose1d(
            frames.flatten(0, 1), basis.permute(2, 0, 1), stride=config.kernel_size // 2
        )
        return samples.reshape(*frames.shape[:2], *samples.shape[1:])


class _Separator(nn.Module):
    """Masks: (batch, filters, frames) to (batch, sources, filters, frames)."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        masks = len(config.sources) * config.filters
        self.network = nn.Sequential(
            ChannelwiseNorm(config.filters),
            nn.Conv1d(config.filters, config.bottleneck, 1, bias=False),
            nn.Sequential(
                *(
                    nn.Sequential(*(_Block(config, 2**index) for index in range(config.blocks)))
                    for _ in range(config.repeats)
                )
            ),
            nn.Conv1d(config.bottleneck, masks, 1, bias=False),
        )

    def forward(self, frames: Tensor) -> Tensor:
        scores: Tensor = self.network(frames)
        batch, filters, count = frames.shape
        scores = scores.reshape(batch, -1, filters, count)
        return scores.softmax(dim=1) if self.config.mask == "softmax" else scores.relu()


class _Block(nn.Module):
    """A residual block: widen, convolve each channel along time, narrow again."""

    def __init__(self, config: ConvTasNetConfig, dilation: int) -> None:
        super().__init__()
        bottleneck, hidden = config.bottleneck, config.hidden
        reach = (config.block_kernel - 1) * dilation
        depthwise = nn.Conv1d(
            hidden,
            hidden,
            config.block_kernel,
            padding=reach if config.causal else reach // 2,
            dilation=dilation,
            groups=hidden,
            bias=False,
        )
        self.net = nn.Sequential(
            nn.Conv1d(bottleneck, hidden, 1, bias=False),
            nn.PReLU(),
            _norm(config.norm, hidden),
            _Stack(
                depthwise,
                *([Chomp(reach)] if config.causal else []),
                nn.PReLU(),
                _norm(config.norm, hidden),
                nn.Conv1d(hidden, bottleneck, 1, bias=False),
            ),
        )

    def forward(self, features: Tensor) -> Tensor:
        made: Tensor = self.net(features)
        return features + made


class _Stack(nn.Module):
    """Layers one after the other, under the name the published states give them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        made: Tensor = self.net(features)
        return made


class Chomp(nn.Module):
    """Drop the last frames, which a padded convolution made from what comes after them."""

    def __init__(self, excess: int) -> None:
        super().__init__()
        self.excess = excess

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, channels, frames) to (batch, channels, frames - excess)."""
        return features.narrow(-1, 0, features.shape[-1] - self.excess)


def _norm(name: str, width: int) -> nn.Module:
    norms = {"gLN": GlobalNorm, "cLN": ChannelwiseNorm, "BN": nn.BatchNorm1d, "id": nn.Identity}
    norm: nn.Module = norms[name](width)
    return norm


ARCHITECTURE = Architecture(config=ConvTasNetConfig, build=ConvTasNet)
