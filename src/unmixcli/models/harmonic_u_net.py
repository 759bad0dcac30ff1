"""A U-Net over musical pitch; ours, and what ships inside.

Spectra are read on a scale of pitch, on which a note keeps its shape wherever it lies: its
overtones are always the same steps above it. Every block looks at a bin, at its neighbours,
and at all bins an overtone or a fundamental away (after Bittner et al., "Deep Salience
Representations for F0 Estimation in Polyphonic Music", ISMIR 2017, who stack the input so),
so that the colour of a tone is learned once for all pitches. What pitch it is it hears from
biases of each frequency: a tuba is not where a flute is. The masks share every bin out
among the sources, so that the estimates add up to the mixture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.layers.level import level_of
from unmixcli.layers.pitch import OVERTONES, PitchScale, overtones, to_bins, to_pitches
from unmixcli.layers.stft import spectrum_of, waveform_of
from unmixcli.network import Architecture, Geometry, ModelConfig, require_count, require_range

FLOOR = 1e-4  # least magnitude that is seen
COMPRESSION = 0.3  # exponent of the magnitudes
FAINT = 0.01  # what a new block adds, of what it would by default


@dataclass(frozen=True, kw_only=True)
class HarmonicUNetConfig(ModelConfig):
    """Hyper-parameters.

    Attributes:
        n_fft: Samples of a frame, even.
        hop: Samples from one frame to the next; a quarter of ``n_fft`` or less.
        lowest: The lowest pitch, in Hz.
        per_octave: Pitches of an octave.
        octaves: Octaves; what is above them belongs to whom the highest pitch does.
        widths: Features of each level; the next has half the pitches and half the frames.
        blocks: Blocks of each level on the way down, and again on the way up.
    """

    n_fft: int = 4096
    hop: int = 1024
    lowest: float = 32.7
    per_octave: int = 36
    octaves: float = 8.0
    widths: tuple[int, ...] = (32, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 1, 1, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("channels", self.channels, 1, 2)
        require_range("number of sources", len(self.sources), 1, 32)
        require_range("n_fft", self.n_fft, 64, 32_768)
        if self.n_fft % 2:
            raise ConfigError(f"n_fft must be even, got {self.n_fft}")
        require_range("hop", self.hop, self.n_fft / 32, self.n_fft / 4)
        require_range("lowest", self.lowest, 1, self.sample_rate / 4)
        require_range("per_octave", self.per_octave, 6, 240)
        require_range("octaves", self.octaves, 1, 12)
        if len(self.widths) != len(self.blocks) or not 1 <= len(self.widths) <= 8:
            raise ConfigError("widths and blocks must be of the same 1 to 8 levels")
        for width in self.widths:
            require_count("widths", width, 4, 512)
        for count in self.blocks:
            require_count("blocks", count, 1, 8)

    @property
    def views(self) -> int:
        """Magnitudes of a bin: of left, right, side and mid, or of the one channel."""
        return 4 if self.channels == 2 else 1

    @property
    def coarsest(self) -> int:
        """Pitches, and frames, that the last level makes one of."""
        return 1 << (len(self.widths) - 1)

    @property
    def pitches(self) -> int:
        """How many there are; the coarsest level has whole ones."""
        return math.ceil(self.octaves * self.per_octave / self.coarsest) * self.coarsest

    @property
    def scale(self) -> PitchScale:
        """The pitches, and the bins that they are read from."""
        return PitchScale(
            self.lowest,
            self.per_octave,
            self.pitches,
            self.n_fft // 2 + 1,
            self.sample_rate / self.n_fft,
        )


class HarmonicBody(nn.Module):
    """All but what the masks are made of: spectra, and what each source may claim of them.

    Args:
        config: Hyper-parameters.
        labels: How many labels scale and shift the features; 0 for a network that is not told.
    """

    def __init__(self, config: HarmonicUNetConfig, labels: int) -> None:
        super().__init__()
        self.config = config
        widths, masks = config.widths, len(config.sources) * config.channels
        self.inp = nn.Conv2d(config.views + 2 * len(OVERTONES), widths[0], 3, padding=1)
        self.places = nn.ParameterList(
            nn.Parameter(torch.zeros(width, config.pitches >> level, 1))
            for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(
            nn.Conv2d(low, high, 2, stride=2) for low, high in pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(high, low, 1) for low, high in pairwise(widths))
        levels = range(len(widths))
        self.before = nn.ModuleList(_Blocks(config, level, labels) for level in levels)
        self.after = nn.ModuleList(_Blocks(config, level, labels) for level in levels)
        self.norm = nn.GroupNorm(1, widths[0])
        self.out = nn.Conv2d(widths[0], masks, 1)
        self.colour = nn.Parameter(torch.zeros(masks, config.pitches, 1))
        self.presence = nn.Linear(2 * widths[-1], masks)
        with torch.no_grad():
            self.presence.weight.mul_(FAINT)
        self.whole = nn.GroupNorm(1, widths[-1])

    @property
    def alignment(self) -> None:
        """Norms read the whole input, so that no cut is seamless."""
        return

    def geometry(self, target: int) -> Geometry:
        """Return as many samples as asked for, but at least one frame's."""
        length = max(target, self.config.n_fft)
        return Geometry(length, length)

    def scores(self, spectrum: Tensor, labels: Tensor | None = None) -> Tensor:
        """Say what each source may claim of each channel at each pitch.

        Args:
            spectrum: (batch, channels, bins, frames).
            labels: (batch, labels), for a network that is told.

        Returns:
            (batch, sources, channels, pitches, frames).
        """
        config, frames = self.config, spectrum.shape[-1]
        missing = (0, -frames % config.coarsest, 0, 0)
        views = F.pad(self._views(spectrum), missing, mode="replicate")
        # Of two channels only their mean is seen with its overtones.
        others = overtones(views[:, -1:], config.per_octave)[:, 1:]
        seen = torch.cat([views, others], dim=1).to(memory_format=torch.channels_last)
        features = self.inp(seen)
        features += self.places[0].to(features.dtype)
        kept = []
        for level, blocks in enumerate(self.before):
            if level:
                kept.append(features)
                features = self.down[level - 1](features)
                features += self.places[level].to(features.dtype)
            features = blocks(features, labels)
        coarse = self.whole(features)
        heard = torch.cat([coarse.mean(dim=(2, 3)), coarse.amax(dim=(2, 3))], dim=1)
        for level in reversed(range(len(self.after))):
            if level < len(self.up):
                coarse = F.interpolate(self.up[level](features), scale_factor=2.0, mode="nearest")
                features = kept.pop() + coarse
            features = self.after[level](features, labels)
        made: Tensor = self.out(F.gelu(self.norm(features)))[..., :frames].float()
        made += self.colour + self.presence(heard)[:, :, None, None]
        return made.reshape(-1, len(config.sources), config.channels, *made.shape[2:])

    def masked(self, shares: Tensor, spectrum: Tensor, samples: int) -> Tensor:
        """Make waveforms, (any, channels, samples), of shares of spectra.

        Args:
            shares: (any, channels, pitches, frames).
            spectrum: (any, channels, bins, frames).
            samples: Of a waveform.
        """
        masks = (to_bins(self.config.scale).to(shares) @ shares).to(spectrum.real)
        # Both parts are real, and so is what is trained: complex slopes would cost twice.
        parts = masks[..., None] * torch.view_as_real(spectrum)
        config = self.config
        return waveform_of(torch.view_as_complex(parts), config.n_fft, config.hop, samples)

    def spectrum(self, waveform: Tensor) -> Tensor:
        """Map (..., samples) to (..., bins, frames)."""
        return spectrum_of(waveform, self.config.n_fft, self.config.hop)

    def _views(self, spectrum: Tensor) -> Tensor:
        """Compress magnitudes, and read them by pitch: (batch, views, pitches, frames)."""
        # The window keeps 3/8 of the power: unit noise comes to a mean square of 1/2.
        scale = 2 / (self.config.n_fft**0.5 * 3**0.5)
        views = list(spectrum.unbind(dim=1))
        if self.config.channels == 2:
            left, right = views
            views += [(left - right) / 2, (left + right) / 2]
        held = torch.stack([view.abs() for view in views], dim=1) * scale
        held = held.clamp(min=FLOOR).pow(COMPRESSION)
        pitches: Tensor = to_pitches(self.config.scale).to(held) @ held
        return pitches


class HarmonicUNet(HarmonicBody):
    """Masks for every channel of every source."""

    def __init__(self, config: HarmonicUNetConfig) -> None:
        super().__init__(config, 0)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, samples), in [-1, 1].

        Returns:
            Estimates, (batch, sources, channels, samples). They add up to the mixture.
        """
        level, samples = level_of(mixture), mixture.shape[-1]
        spectrum = self.spectrum(mixture / level)
        shares = self.scores(spectrum).softmax(dim=1)
        # One source at a time: all at once would hold as much more, and be no faster.
        estimates = [self.masked(share, spectrum, samples) for share in shares.unbind(dim=1)]
        return torch.stack(estimates, dim=1) * level[:, None]


class _Blocks(nn.ModuleList):
    """Those of one level, one after the other."""

    def __init__(self, config: HarmonicUNetConfig, level: int, labels: int) -> None:
        width = config.widths[level]
        steps = config.per_octave / 2**level
        super().__init__(_Block(width, labels, steps) for _ in range(config.blocks[level]))

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Map (batch, width, pitches, frames) to the same shape."""
        for block in self:
            features = block(features, labels)
        return features


class _Block(nn.Module):
    """A bin, its neighbours, and its overtones, seen under what the labels say.

    A new one changes next to nothing, so that it can be added to a network that is trained.
    """

    def __init__(self, width: int, labels: int, per_octave: float) -> None:
        super().__init__()
        self.per_octave = per_octave
        narrow = max(1, width // 4)
        self.norm = nn.GroupNorm(1, width)
        self.tell = nn.Linear(labels, 2 * width) if labels else None
        self.near = nn.Conv2d(width, width, 3, padding=1)
        self.narrow = nn.Conv2d(width, narrow, 1)
        self.far = nn.Conv2d((1 + 2 * len(OVERTONES)) * narrow, width, 1)
        self.out = nn.Conv2d(width, width, 1)
        with torch.no_grad():
            self.out.weight.mul_(FAINT)
            if self.out.bias is not None:
                self.out.bias.zero_()

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Map (batch, width, pitches, frames) to the same shape."""
        seen = self.norm(features)
        if self.tell is not None:
            scale, shift = self.tell(labels)[:, :, None, None].chunk(2, dim=1)
            seen = seen * (1 + scale) + shift
        far = self.far(overtones(self.narrow(seen), self.per_octave))
        made: Tensor = self.out(F.gelu(self.near(seen) + far))
        return features + made


ARCHITECTURE = Architecture(config=HarmonicUNetConfig, build=HarmonicUNet)
