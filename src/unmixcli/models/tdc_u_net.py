"""TDC U-Net: a voice predicted frame by frame, by convolutions along the frequencies.

Choi, Kim, Chung, Lee & Jung, "Investigating U-Nets with Various Intermediate Blocks
for Spectrogram-Based Singing Voice Separation", ISMIR 2020, arXiv:1912.02591. A block
of time-distributed convolutions is densely connected and sees one frame only (§3.1.2);
the U-Net around it halves and doubles the number of bins, never that of frames. Real
and imaginary parts go in as channels and come out as channels: the spectrogram itself
is predicted, not a mask.

    paper, code                     here
    internal channels, growth rate  growth: every block makes as many channels as a layer
    number of blocks, 17            2 * depth + 1
    layers of a block               layers

A frame's estimate depends on that frame alone, so that a track can be cut anywhere and
lose nothing, provided that the frames stay where they are. The published code pads the
track with ``n_fft`` zeros on either side and begins a frame every ``hop`` samples: its
frames lie at the multiples of ``hop``, counted from the track's first sample. This
network reads ``n_fft`` samples on either side of what it predicts, which a frame length
of whole hops makes the same grid: one pass over a track is the published result, of any
length, and so are chunks that start at multiples of ``hop``. Every sample is made of
all the frames that cover it, at the ends of a track or of a chunk as in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.network import Architecture, Geometry, ModelConfig, require_range

MOST_WEIGHTS = 2**28


@dataclass(frozen=True, kw_only=True)
class TDCUNetConfig(ModelConfig):
    """Hyper-parameters; the defaults are those of the published weights.

    Attributes:
        sources: What is predicted, then what is left of the mixture.
        n_fft: Samples of a frame, a whole number of hops.
        hop: Samples from one frame to the next, half of ``n_fft`` or less.
        growth: Channels that a layer makes, and so those of every block's output.
        layers: Convolutions of a block, each fed all that the block has made before.
        depth: Levels of the U-Net; each halves the bins.
        kernel_size: Bins that a convolution of a block sees, odd.
    """

    sources: tuple[str, ...] = ("vocals", "accompaniment")
    n_fft: int = 2048
    hop: int = 1024
    growth: int = 24
    layers: int = 5
    depth: int = 8
    kernel_size: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.sources) != 2:
            raise ConfigError(f"sources must be two, one and the rest, got {len(self.sources)}")
        require_range("n_fft", self.n_fft, 8, 32_768)
        require_range("hop", self.hop, self.n_fft / 32, self.n_fft / 2)
        if self.n_fft % self.hop:
            raise ConfigError(f"n_fft must be a multiple of hop {self.hop}, got {self.n_fft}")
        require_range("growth", self.growth, 1, 512)
        require_range("layers", self.layers, 1, 32)
        require_range("depth", self.depth, 1, 14)
        if self.n_fft % 2 ** (self.depth + 1):
            raise ConfigError(
                f"n_fft must be a multiple of {2 ** (self.depth + 1)} at depth {self.depth}, "
                f"got {self.n_fft}"
            )
        require_range("kernel_size", self.kernel_size, 1, 63)
        if self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size must be odd, got {self.kernel_size}")
        fed = self.layers * (self.layers + 3) // 2  # by all layers of a decoder's block
        weights = (2 * self.depth + 1) * fed * self.growth**2 * self.kernel_size
        require_range("weights of all blocks", weights, 1, MOST_WEIGHTS)


class TDCUNet(nn.Module):
    """Encoders, a block in the middle, and decoders, which see their encoder's output."""

    def __init__(self, config: TDCUNetConfig) -> None:
        super().__init__()
        self.config = config
        growth, planes, levels = config.growth, 2 * config.channels, range(config.depth)
        # A filter of two bins takes the odd one away here, and puts it back at the end.
        self.first_conv = nn.Sequential(
            nn.Conv2d(planes, growth, (2, 1)), nn.BatchNorm2d(growth), nn.ReLU()
        )
        self.encoders = nn.ModuleList(_TDC(config, growth) for _ in levels)
        self.downsampling = nn.ModuleList(
            _Resampling(nn.Conv1d(growth, growth, 2, stride=2), growth) for _ in levels
        )
        self.mid_block = _TDC(config, growth)
        self.upsampling = nn.ModuleList(
            _Resampling(nn.ConvTranspose1d(growth, growth, 2, stride=2), growth) for _ in levels
        )
        self.decoders = nn.ModuleList(_TDC(config, 2 * growth) for _ in levels)
        self.final_conv = nn.Sequential(nn.Conv2d(growth, planes, (2, 1), padding=(1, 0)))

    @property
    def alignment(self) -> int:
        """From one frame to the next: chunks on this grid have the frames of one pass."""
        return self.config.hop

    def geometry(self, target: int) -> Geometry:
        """Return as many samples as asked for, read with a frame's length on either side.

        A hop less would do on either side if the target were whole hops. The last chunk of
        a track is not, and reads are centred on what is predicted.
        """
        return Geometry(target + 2 * self.config.n_fft, target)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate the source and what is left of the mixture.

        Args:
            mixture: Waveform, (batch, channels, samples + 2 * n_fft), in [-1, 1].

        Returns:
            Estimates, (batch, 2, channels, samples). They add up to the mixture.
        """
        n_fft, hop = self.config.n_fft, self.config.hop
        wanted = mixture[..., n_fft:-n_fft]
        samples = wanted.shape[-1]
        # The frame at 0 ends where the wanted samples begin, and the last that counts begins
        # before they end.
        frames = (samples + n_fft - 1) // hop
        spectrum = self._spectrum(mixture[..., hop : hop * frames + n_fft])
        source = self._waveform(self.predict(spectrum))[..., :samples]
        return torch.stack([source, wanted - source], dim=1)

    def predict(self, spectrum: Tensor) -> Tensor:
        """Map the mixture's spectrum to the source's, (batch, channels, frames, bins)."""
        batch, channels, frames, bins = spectrum.shape
        # Frames do not meet: each is an item of the batch, (items, planes, bins, 1), with
        # planes in the order left real, left imaginary, right real, right imaginary.
        planes = torch.view_as_real(spectrum).permute(0, 2, 1, 4, 3)
        features = self.first_conv(planes.reshape(-1, 2 * channels, bins, 1)).squeeze(-1)

        skips = []
        for block, halve in zip(self.encoders, self.downsampling, strict=True):
            features = block(features)
            skips.append(features)
            features = halve(features)
        features = self.mid_block(features)
        for double, block in zip(self.upsampling, self.decoders, strict=True):
            features = block(torch.cat([double(features), skips.pop()], dim=1))

        made = self.final_conv(features.unsqueeze(-1))
        made = made.reshape(batch, frames, channels, 2, bins).permute(0, 2, 1, 4, 3)
        return torch.view_as_complex(made.contiguous())

    def _spectrum(self, waveform: Tensor) -> Tensor:
        """Map (..., samples) to (..., frames, bins); the first frame begins at sample 0."""
        config = self.config
        frames = waveform.unfold(-1, config.n_fft, config.hop)
        spectrum: Tensor = torch.fft.rfft(frames * _hann(waveform, config.n_fft))
        return spectrum

    def _waveform(self, spectrum: Tensor) -> Tensor:
        """Overlap-add (..., frames, bins) to (..., samples), where no frame is missing.

        Dividing by the sum of the squared windows undoes them. Where all frames are
        present, it repeats with every hop, and so can be divided out of the window.
        """
        hop, overlap = self.config.hop, self.config.n_fft // self.config.hop
        window = _hann(spectrum.real, self.config.n_fft).reshape(overlap, hop)
        pieces = torch.fft.irfft(spectrum).unflatten(-1, (overlap, hop))
        pieces = pieces * (window / window.square().sum(dim=0))
        # Every hop of samples is the last piece of one frame, the last but one of the next, ...
        frames = pieces.shape[-3]
        alike = [pieces[..., overlap - 1 - n : frames - n, n, :] for n in range(overlap)]
        return torch.stack(alike).sum(dim=0).flatten(-2)


class _TDC(nn.Module):
    """Densely connected convolutions along the bins (§3.1.2)."""

    def __init__(self, config: TDCUNetConfig, width: int) -> None:
        super().__init__()
        growth, kernel = config.growth, config.kernel_size
        self.H = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width + layer * growth, growth, kernel, padding=kernel // 2),
                nn.BatchNorm1d(growth),
                nn.ReLU(),
            )
            for layer in range(config.layers)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (items, width, bins) to (items, growth, bins)."""
        made: Tensor = self.H[0](features)
        for layer in self.H[1:]:
            features = torch.cat([made, features], dim=1)  # the newest first
            made = layer(features)
        return made


class _Resampling(nn.Module):
    """A convolution that halves or doubles the bins, without an activation."""

    def __init__(self, conv: nn.Module, width: int) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm1d(width)

    def forward(self, features: Tensor) -> Tensor:
        """Map (items, width, bins) to half or twice as many bins."""
        made: Tensor = self.bn(self.conv(features))
        return made


def _hann(like: Tensor, length: int) -> Tensor:
    return torch.hann_window(length, dtype=like.dtype, device=like.device)


ARCHITECTURE = Architecture(config=TDCUNetConfig, build=TDCUNet)
