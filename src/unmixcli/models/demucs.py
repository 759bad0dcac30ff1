"""Demucs: separation on the waveform by a convolutional U-Net around an LSTM.

Défossez, Usunier, Bottou & Bach, "Music Source Separation in the Waveform Domain",
arXiv:1911.13254. Its two published versions are settings of one network: the first
(November 2019) reads the waveform as it is, the second (April 2021) resamples it to
twice the rate first, and back at the end.

    paper                       here
    C_1, initial channels       width, 64; 100 in the first version
    L, number of layers         depth
    K, S                        kernel_size, stride
    no GLU activations          glu=False: ReLU, and half the channels
    no 1x1 convolutions         rewrite=False: in neither path
    initial weight rescaling    rescale, the reference level a

Where paper and code differ, the code made the published weights and is followed: the
decoder's context convolution also ends in a gated linear unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.layers.crop import centre_crop
from unmixcli.layers.recurrent import BLSTM
from unmixcli.layers.resample import resample
from unmixcli.network import Architecture, Geometry, ModelConfig, require_range


@dataclass(frozen=True, kw_only=True)
class DemucsConfig(ModelConfig):
    """Hyper-parameters; the defaults are the second version's.

    Attributes:
        width: Channels of the outermost level.
        depth: Levels.
        rewrite: Give each level a second convolution: 1x1 going in, ``context`` going out.
        glu: Let that convolution gate itself; otherwise it ends in a ReLU.
        upsample: Keep every ``stride``-th frame going in, interpolate linearly going out.
        rescale: Standard deviation that initial weights are drawn towards; 0 leaves them.
        resample: Work at twice the sample rate.
        kernel_size: Filter length of a level's first convolution.
        stride: Frames of one level per frame of the next.
        growth: Channels of the next level per channel of one, rounded down.
        lstm_layers: Layers of the LSTM at the bottom; 0 leaves it out.
        context: Filter length of the decoder's second convolution, which pads nothing.
        normalise: Bring each mixture to zero mean and unit deviation, and undo it.
        floor: What is added to the deviation. The second version divides by one plus it
            even where it does not normalise; the first does not: 0.
    """

    width: int = 64
    depth: int = 6
    rewrite: bool = True
    glu: bool = True
    upsample: bool = False
    rescale: float = 0.1
    resample: bool = True
    kernel_size: int = 8
    stride: int = 4
    growth: float = 2.0
    lstm_layers: int = 2
    context: int = 3
    normalise: bool = False
    floor: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("number of sources", len(self.sources), 1, 128)
        require_range("width", self.width, 1, 1024)
        require_range("depth", self.depth, 1, 10)
        require_range("rescale", self.rescale, 0, 10)
        require_range("kernel_size", self.kernel_size, 1, 64)
        require_range("stride", self.stride, 1, 16)
        require_range("growth", self.growth, 0.25, 4)
        require_range("lstm_layers", self.lstm_layers, 0, 8)
        require_range("context", self.context, 1, 63)
        require_range("floor", self.floor, 0, 1)
        widest = max(self.widths)
        require_range("width of the narrowest level", min(self.widths), 1, widest)
        heaviest = max(self.kernel_size, 2 * self.context, 20 * self.lstm_layers) * widest**2
        require_range("weights of the widest level", heaviest, 1, 2**30)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, outermost first."""
        widths = [self.width]
        while len(widths) < self.depth:
            widths.append(int(self.growth * widths[-1]))
        return tuple(widths)

    @property
    def lost(self) -> int:
        """Frames that a level of the decoder loses to its context."""
        return self.context - 1 if self.rewrite else 0


class Demucs(nn.Module):
    """Encoder and decoder of valid convolutions; ``decoder[0]`` is the deepest."""

    def __init__(self, config: DemucsConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        predicted = len(config.sources) * config.channels
        self.encoder = nn.ModuleList(
            _encoder_level(config, read, made)
            for read, made in pairwise([config.channels, *widths])
        )
        self.decoder = nn.ModuleList(
            _decoder_level(config, read, made, last=False)
            for made, read in reversed(list(pairwise(widths)))
        )
        outermost = config.width if config.upsample else predicted
        self.decoder.append(_decoder_level(config, config.width, outermost, last=True))
        if config.upsample:
            self.final = nn.Conv1d(config.width + config.channels, predicted, 1)
        self.lstm = BLSTM(widths[-1], config.lstm_layers) if config.lstm_layers else None
        if config.rescale:
            _rescale(self, config.rescale)

    @property
    def alignment(self) -> None:
        """The LSTM reads the whole input, so that no cut reproduces a longer one."""
        return

    def geometry(self, target: int) -> Geometry:
        """Return the lengths at which the strides of no level leave anything over.

        The input has room for the frames that the decoder's context eats.

        Raises:
            ConfigError: The interpolating decoder loses more than was added for it.
        """
        config = self.config
        kernel, stride = config.kernel_size, config.stride
        length = 2 * target if config.resample else target
        for _ in range(config.depth):
            if config.upsample:
                length = ceil(length / stride) + kernel - 1
            else:
                length = max(1, ceil((length - kernel) / stride) + 1)
            length += config.context - 1
        for _ in range(config.depth):
            length = (
                length * stride + kernel - 1 if config.upsample else (length - 1) * stride + kernel
            )
        length = ceil(length / 2) if config.resample else length

        predicted = self._predicted(length)
        if predicted < target:
            raise ConfigError(
                f"kernel_size {kernel}, stride {stride} and context {config.context} "
                f"cannot predict {target} samples"
            )
        return Geometry(length, predicted)

    def _predicted(self, length: int) -> int:
        """Return how many samples :meth:`forward` makes of ``length``."""
        config = self.config
        kernel, stride = config.kernel_size, config.stride
        length = 2 * length if config.resample else length
        for _ in range(config.depth):
            if config.upsample:
                length = ceil((length - kernel + 1) / stride)
            else:
                length = (length - kernel) // stride + 1
        for _ in range(config.depth):
            if config.upsample:
                length = stride * (length - 1) - config.lost - kernel + 1
            else:
                length = (length - 1 - config.lost) * stride + kernel
        return length // 2 if config.resample else length

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, input), in [-1, 1].

        Returns:
            Estimates, (batch, sources, channels, output).
        """
        config = self.config
        mean: Tensor | float = 0.0
        deviation: Tensor | float = 1.0
        if config.normalise:
            mono = mixture.mean(dim=1, keepdim=True)
            mean, deviation = mono.mean(-1, keepdim=True), mono.std(-1, keepdim=True)
        features = (mixture - mean) / (config.floor + deviation)
        if config.resample:
            features = resample(features, 1, 2)

        estimates = self._through(features)

        if config.resample:
            estimates = resample(estimates, 2, 1)
        estimates = estimates * deviation + mean
        return estimates.reshape(len(mixture), -1, config.channels, estimates.shape[-1])

    def _through(self, features: Tensor) -> Tensor:
        """Run the U-Net at its own rate: (batch, channels, T) to (batch, predicted, T')."""
        upsample, stride = self.config.upsample, self.config.stride
        skips, read = [], features
        for level in self.encoder:
            features = level(features)
            skips.append(features)
            features = features[..., ::stride] if upsample else features
        if self.lstm is not None:
            features = self.lstm(features)
        for level in self.decoder:
            features = interpolate(features, stride) if upsample else features
            features = level(features + centre_crop(skips.pop(), features.shape[-1]))
        if upsample:
            read = centre_crop(read, features.shape[-1])
            features = self.final(torch.cat([features, read], dim=1))
        return features


def interpolate(features: Tensor, stride: int) -> Tensor:
    """Put ``stride - 1`` frames on the line between each frame and the next.

    Args:
        features: Feature map, (batch, width, frames).
        stride: Frames to make of each but the last.

    Returns:
        The longer feature map, (batch, width, stride * (frames - 1)).
    """
    share = torch.arange(stride, dtype=features.dtype, device=features.device) / stride
    before, after = features[..., :-1, None], features[..., 1:, None]
    return (before * (1 - share) + after * share).flatten(-2)


def _encoder_level(config: DemucsConfig, read: int, made: int) -> nn.Sequential:
    stride = 1 if config.upsample else config.stride
    level: list[nn.Module] = [nn.Conv1d(read, made, config.kernel_size, stride), nn.ReLU()]
    return nn.Sequential(*level, *_rewrite(config, made, kernel_size=1))


def _decoder_level(config: DemucsConfig, read: int, made: int, *, last: bool) -> nn.Sequential:
    level = _rewrite(config, read, kernel_size=config.context)
    if config.upsample:
        level.append(nn.Conv1d(read, made, config.kernel_size))
    else:
        level.append(nn.ConvTranspose1d(read, made, config.kernel_size, config.stride))
    return nn.Sequential(*level, *([] if last else [nn.ReLU()]))


def _rewrite(config: DemucsConfig, width: int, kernel_size: int) -> list[nn.Module]:
    if not config.rewrite:
        return []
    if not config.glu:
        return [nn.Conv1d(width, width, kernel_size), nn.ReLU()]
    return [nn.Conv1d(width, 2 * width, kernel_size), nn.GLU(dim=1)]


@torch.no_grad()
def _rescale(network: nn.Module, reference: float) -> None:
    """Divide each convolution, bias and all, by the root of its deviation over ``reference``.

    Défossez et al. (2019), "initial weight rescaling": large layers start out too
    quiet with the default initialisation, and small ones too loud.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and layer.weight.numel() > 1:
            scale = (layer.weight.std() / reference).sqrt()
            for weights in layer.parameters():
                weights.div_(scale)


ARCHITECTURE = Architecture(config=DemucsConfig, build=Demucs)
