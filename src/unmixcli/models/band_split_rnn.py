"""A small band-split recurrent network with soft masks: the model that ships inside.

After Luo & Yu, "Music Source Separation with Band-Split RNN", arXiv:2209.15174, and
smaller than theirs: gated recurrent units instead of LSTMs, magnitudes instead of
complex bins as features, and real masks that share the mixture out among the sources,
so that the estimates add up to it.

    paper                       here
    band split, N features      inp, loud; features
    band and sequence modeling  blocks: time (nt, gt, pt), then bands (nb, gb, pb); layers
    mask estimation             out
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.layers.level import level_of
from unmixcli.layers.stft import spectrum_of, waveform_of
from unmixcli.network import Architecture, Geometry, ModelConfig, require_range

# Up to each of these frequencies, bands of that width, in Hz. Above, one from 16 to
# 19 kHz and one of all that is left.
BAND_WIDTHS = ((1_000, 100), (4_000, 250), (8_000, 500), (16_000, 1_000), (19_000, 3_000))
FLOOR = 1e-4  # least magnitude of a feature
COMPRESSION = 0.3  # exponent of the magnitudes
FAINT = 0.01  # what a new block adds, of what it would by default


@dataclass(frozen=True, kw_only=True)
class BandSplitRNNConfig(ModelConfig):
    """Hyper-parameters; the defaults are those of the weights that ship inside.

    Attributes:
        n_fft: Samples of a frame, even.
        hop: Samples from one frame to the next; a quarter of ``n_fft`` or less.
        features: Features of each band and frame.
        hidden: State of each direction of the recurrent layers.
        layers: Blocks of one recurrent layer along time and one across bands.
    """

    n_fft: int = 4096
    hop: int = 1024
    features: int = 64
    hidden: int = 64
    layers: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("channels", self.channels, 1, 2)
        require_range("number of sources", len(self.sources), 1, 32)
        require_range("n_fft", self.n_fft, 64, 32_768)
        if self.n_fft % 2:
            raise ConfigError(f"n_fft must be even, got {self.n_fft}")
        require_range("hop", self.hop, self.n_fft / 32, self.n_fft / 4)
        require_range("features", self.features, 1, 1024)
        require_range("hidden", self.hidden, 1, 2048)
        require_range("layers", self.layers, 1, 32)

    @property
    def bins(self) -> int:
        """Frequencies of a frame."""
        return self.n_fft // 2 + 1

    @property
    def bands(self) -> tuple[int, ...]:
        """Widths of the bands, in bins; where bins are wider than a band, they are fewer."""
        edges, lower = {0, self.bins}, 0
        for upper, width in BAND_WIDTHS:
            hertz = range(lower + width, upper + 1, width)
            edges |= {round(edge * self.n_fft / self.sample_rate) for edge in hertz}
            lower = upper
        kept = sorted(edge for edge in edges if edge <= self.bins)
        return tuple(high - low for low, high in pairwise(kept))

    @property
    def views(self) -> int:
        """Magnitudes of a bin: of left, right, mid and side, or of the one channel."""
        return 4 if self.channels == 2 else 1


class BandSplitRNN(nn.Module):
    """Masks for every channel of every source, from features of bands of the spectrum."""

    def __init__(self, config: BandSplitRNNConfig) -> None:
        super().__init__()
        self.config = config
        features = config.features
        masks = len(config.sources) * config.channels
        self.inp = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.views * width), nn.Linear(config.views * width, features)
            )
            for width in config.bands
        )
        self.loud = nn.Linear(1, features)
        self.blocks = nn.ModuleList(_Block(features, config.hidden) for _ in range(config.layers))
        self.out = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(features),
                nn.Linear(features, features),
                nn.GELU(),
                nn.Linear(features, masks * width),
            )
            for width in config.bands
        )

    @property
    def alignment(self) -> None:
        """The recurrent layers read the whole input, so that no cut is seamless."""
        return

    def geometry(self, target: int) -> Geometry:
        """Return as many samples as asked for, but at least one frame's."""
        length = max(target, self.config.n_fft)
        return Geometry(length, length)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, samples), in [-1, 1].

        Returns:
            Estimates, (batch, sources, channels, samples). They add up to the mixture.
        """
        level = level_of(mixture)
        spectrum = self.spectrum(mixture / level)
        features = self.embed(spectrum)
        for block in self.blocks:
            features = block(features)
        masks = self.score(features).softmax(dim=1)
        # One source at a time: all at once would hold four times as much, and be no faster.
        estimates = [
            self.waveform(mask * spectrum, mixture.shape[-1]) for mask in masks.unbind(dim=1)
        ]
        return torch.stack(estimates, dim=1) * level[:, None]

    def embed(self, spectrum: Tensor) -> Tensor:
        """Map (batch, channels, bins, frames) to (batch, bands, frames, features)."""
        magnitudes = self._magnitudes(spectrum)
        bands = []
        for layer, band in zip(
            self.inp, torch.split(magnitudes, list(self.config.bands), dim=2), strict=True
        ):
            flat = band.flatten(2)
            bands.append(layer(flat) + self.loud(flat.mean(dim=-1, keepdim=True)))
        return torch.stack(bands, dim=1)

    def score(self, features: Tensor) -> Tensor:
        """Map (batch, bands, frames, features) to (batch, sources, channels, bins, frames).

        A source takes of each bin what its score is worth among those of all.
        """
        config = self.config
        layers = zip(self.out, features.unbind(dim=1), strict=True)
        scores = torch.cat([layer(band) for layer, band in layers], dim=-1)
        shape = (*scores.shape[:2], config.bins, len(config.sources), config.channels)
        return scores.reshape(shape).permute(0, 3, 4, 2, 1)

    def spectrum(self, waveform: Tensor) -> Tensor:
        """Map (..., samples) to (..., bins, frames)."""
        return spectrum_of(waveform, self.config.n_fft, self.config.hop)

    def waveform(self, spectrum: Tensor, samples: int) -> Tensor:
        """Map (..., bins, frames) to (..., samples)."""
        return waveform_of(spectrum, self.config.n_fft, self.config.hop, samples)

    def _magnitudes(self, spectrum: Tensor) -> Tensor:
        """Compress what a bin holds: (batch, frames, bins, views)."""
        # The window keeps 3/8 of the power: unit noise comes to a mean square of 1/2.
        scale = 2 / (self.config.n_fft**0.5 * 3**0.5)
        views = list((spectrum * scale).unbind(dim=1))
        if self.config.channels == 2:
            left, right = views
            views += [(left + right) / 2, (left - right) / 2]
        held = torch.stack(views, dim=-1)
        return held.abs().clamp(min=FLOOR).pow(COMPRESSION).transpose(1, 2)


class _Block(nn.Module):
    """One recurrent layer along time, the same in every band, then one across the bands.

    A new one changes next to nothing, so that it can be added to a network that is trained.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.nt = nn.LayerNorm(features)
        self.gt = nn.GRU(features, hidden, batch_first=True, bidirectional=True)
        self.pt = nn.Linear(2 * hidden, features)
        self.nb = nn.LayerNorm(features)
        self.gb = nn.GRU(features, hidden, batch_first=True, bidirectional=True)
        self.pb = nn.Linear(2 * hidden, features)
        with torch.no_grad():
            for layer in (self.pt, self.pb):
                layer.weight.mul_(FAINT)
                layer.bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, bands, frames, features) to the same shape."""
        batch, bands, frames, width = features.shape
        along, _ = self.gt(self.nt(features).flatten(0, 1))
        features = features + self.pt(along).reshape(batch, bands, frames, width)
        across, _ = self.gb(self.nb(features).transpose(1, 2).flatten(0, 1))
        made: Tensor = self.pb(across).reshape(batch, frames, bands, width)
        return features + made.transpose(1, 2)


ARCHITECTURE = Architecture(config=BandSplitRNNConfig, build=BandSplitRNN)
