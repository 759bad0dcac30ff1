"""A U-Net over musical pitch that is told which instruments play; ours.

Spectra are read on a scale of pitch, on which a note keeps its shape wherever it lies: its
overtones are always the same steps above it. Every block looks at a bin, at its neighbours,
and at all bins an overtone or a fundamental away (after Bittner et al., "Deep Salience
Representations for F0 Estimation in Polyphonic Music", ISMIR 2017, who stack the input so),
so that the colour of a tone is learned once for all pitches. What pitch it is it hears from
biases of each frequency: a tuba is not where a flute is.

Labels scale and shift the features of every block (Perez et al., "FiLM: Visual Reasoning
with a General Conditioning Layer", arXiv:1709.07871). Only sources whose label is set, and
those that have none (``rest``: all that was not asked for), share the mixture. The others
are silent, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.models.band_split_rnn import COMPRESSION, FAINT, FLOOR, level_of
from unmixcli.network import Architecture, Geometry, ModelConfig, require_count, require_range

NEVER = -1e4
"""Score of what may not sound, in half precision, too: its share of any bin is 0."""

OVERTONES = (2, 3, 4, 5, 6, 8)
"""How many times as high as a bin are those, above and below, that are seen with it."""


@dataclass(frozen=True, kw_only=True)
class HarmonicUNetConfig(ModelConfig):
    """Hyper-parameters.

    Attributes:
        rest: Name of the source, if there is one, that takes what belongs to no label. The
            other sources are the labels.
        n_fft: Samples of a frame, even.
        hop: Samples from one frame to the next; a quarter of ``n_fft`` or less.
        lowest: The lowest pitch, in Hz.
        per_octave: Pitches of an octave.
        octaves: Octaves; what is above them belongs to whom the highest pitch does.
        widths: Features of each level; the next has half the pitches and half the frames.
        blocks: Blocks of each level on the way down, and again on the way up.
    """

    rest: str = "rest"
    n_fft: int = 4096
    hop: int = 1024
    lowest: float = 32.7
    per_octave: int = 36
    octaves: float = 8.0
    widths: tuple[int, ...] = (32, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 1, 1, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("channels", self.channels, 1, 1)
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
            require_count("widths", width, 4, 1024)
        for count in self.blocks:
            require_count("blocks", count, 1, 16)
        if not self.told:
            raise ConfigError(f"there must be a source beside {self.rest!r}")

    @property
    def told(self) -> tuple[str, ...]:
        """The sources that can be asked for."""
        return tuple(source for source in self.sources if source != self.rest)

    @property
    def coarsest(self) -> int:
        """Pitches, and frames, that the last level makes one of."""
        return 1 << (len(self.widths) - 1)

    @property
    def pitches(self) -> int:
        """How many there are; the coarsest level has whole ones."""
        return math.ceil(self.octaves * self.per_octave / self.coarsest) * self.coarsest

    def hertz(self) -> Tensor:
        """Return the frequency of every pitch, (pitches,)."""
        steps = torch.arange(self.pitches, dtype=torch.float64) / self.per_octave
        return self.lowest * 2**steps


class HarmonicUNet(nn.Module):
    """Masks for the sources that were asked for, and for the rest."""

    def __init__(self, config: HarmonicUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, sources = config.widths, len(config.sources)
        self.inp = nn.Conv2d(1 + 2 * len(OVERTONES), widths[0], 3, padding=1)
        self.places = nn.ParameterList(
            nn.Parameter(torch.zeros(width, config.pitches >> level, 1))
            for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(
            nn.Conv2d(low, high, 2, stride=2) for low, high in pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(high, low, 1) for low, high in pairwise(widths))

        self.before = nn.ModuleList(_Blocks(config, level) for level in range(len(widths)))
        self.after = nn.ModuleList(_Blocks(config, level) for level in range(len(widths)))
        self.norm = nn.GroupNorm(1, widths[0])
        self.out = nn.Conv2d(widths[0], sources, 1)
        self.colour = nn.Parameter(torch.zeros(sources, config.pitches, 1))
        self.presence = nn.Linear(2 * widths[-1], sources)
        with torch.no_grad():
            self.presence.weight.mul_(FAINT)
        self.whole = nn.GroupNorm(1, widths[-1])

    @property
    def labels(self) -> tuple[str, ...]:
        """What each label stands for, in the order of the labels' last axis."""
        return self.config.told

    @property
    def alignment(self) -> None:
        """Norms read the whole input, so that no cut is seamless."""
        return

    def geometry(self, target: int) -> Geometry:
        """Return as many samples as asked for, but at least one frame's."""
        length = max(target, self.config.n_fft)
        return Geometry(length, length)

    def forward(self, mixture: Tensor, labels: Tensor) -> Tensor:
        """Estimate every source that was asked for.

        Args:
            mixture: Waveform, (batch, 1, samples), in [-1, 1].
            labels: What is asked for, (batch, labels): 1 where it is, 0 where not.

        Returns:
            Estimates, (batch, sources, 1, samples). They add up to the mixture; what was
            not asked for is zero.

        Raises:
            ValueError: There are not as many labels as the network has.
        """
        wanted = (len(mixture), len(self.labels))
        if labels.shape != wanted:
            raise ValueError(f"labels must have the shape {wanted}, got {tuple(labels.shape)}")
        labels = labels.to(mixture)
        level = level_of(mixture)
        spectrum = self._spectrum((mixture / level)[:, 0])
        asked = self._asked(labels)
        scores = self._scores(self._pitches(spectrum), labels)
        allowed = asked[:, :, None, None]
        # Finite, so that nothing is no number where nothing at all may sound.
        shares = scores.masked_fill(~allowed, NEVER).softmax(dim=1) * allowed

        estimates = mixture.new_zeros(*asked.shape, *mixture.shape[1:])
        item, source = asked.nonzero(as_tuple=True)
        if not len(item):
            return estimates * shares.sum()  # silence, but what is trained may ask for slopes
        masks = (_to_bins(self.config).to(shares) @ shares[item, source]).to(level)
        # Both parts are real, and so is what is trained: complex slopes would cost twice.
        parts = masks[..., None] * torch.view_as_real(spectrum)[item]
        made = self._waveform(torch.view_as_complex(parts), mixture.shape[-1])
        made = made[:, None] * level[item]
        return estimates.index_put((item, source), made)

    def _pitches(self, spectrum: Tensor) -> Tensor:
        """Compress magnitudes, (batch, bins, frames), and read them by pitch: (..., pitches, _)."""
        # The window keeps 3/8 of the power: unit noise comes to a mean square of 1/2.
        scale = 2 / (self.config.n_fft**0.5 * 3**0.5)
        held = (spectrum.abs() * scale).clamp(min=FLOOR).pow(COMPRESSION)
        pitches: Tensor = _to_pitch(self.config).to(held) @ held
        return pitches

    def _scores(self, pitches: Tensor, labels: Tensor) -> Tensor:
        """Map (batch, pitches, frames) to what each source may claim: (batch, sources, ...)."""
        frames = pitches.shape[-1]
        missing = -frames % self.config.coarsest
        whole = F.pad(pitches, (0, missing), mode="replicate")[:, None]
        steps = self.config.per_octave
        features = self.inp(_overtones(whole, steps).to(memory_format=torch.channels_last))
        features = features + self.places[0].to(features.dtype)
        kept = []
        for level, blocks in enumerate(self.before):
            if level:
                kept.append(features)
                features = self.down[level - 1](features)
                features = features + self.places[level].to(features.dtype)
            features = blocks(features, labels)
        coarse = self.whole(features)
        heard = torch.cat([coarse.mean(dim=(2, 3)), coarse.amax(dim=(2, 3))], dim=1)
        for level in reversed(range(len(self.after))):
            if level < len(self.up):
                coarse = F.interpolate(self.up[level](features), scale_factor=2.0, mode="nearest")
                features = kept.pop() + coarse
            features = self.after[level](features, labels)
        scores = self.out(F.gelu(self.norm(features)))[..., :frames].float()
        made: Tensor = scores + self.colour + self.presence(heard)[:, :, None, None]
        return made

    def _asked(self, labels: Tensor) -> Tensor:
        """Return which sources may sound, (batch, sources)."""
        columns = [
            labels[:, self.labels.index(source)] > 0
            if source in self.labels
            else torch.ones_like(labels[:, 0], dtype=torch.bool)
            for source in self.config.sources
        ]
        return torch.stack(columns, dim=1)

    def _spectrum(self, waveform: Tensor) -> Tensor:
        config = self.config
        window = torch.hann_window(config.n_fft, dtype=waveform.dtype, device=waveform.device)
        return torch.stft(
            waveform,
            config.n_fft,
            config.hop,
            window=window,
            pad_mode="reflect",
            return_complex=True,
        )

    def _waveform(self, spectrum: Tensor, samples: int) -> Tensor:
        config, like = self.config, spectrum.real
        window = torch.hann_window(config.n_fft, dtype=like.dtype, device=like.device)
        return torch.istft(spectrum, config.n_fft, config.hop, window=window, length=samples)


class _Blocks(nn.ModuleList):
    """Those of one level, one after the other."""

    def __init__(self, config: HarmonicUNetConfig, level: int) -> None:
        width, labels = config.widths[level], len(config.told)
        steps = config.per_octave / 2**level
        super().__init__(_Block(width, labels, steps) for _ in range(config.blocks[level]))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
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
        self.tell = nn.Linear(labels, 2 * width)
        self.near = nn.Conv2d(width, width, 3, padding=1)
        self.narrow = nn.Conv2d(width, narrow, 1)
        self.far = nn.Conv2d((1 + 2 * len(OVERTONES)) * narrow, width, 1)
        self.out = nn.Conv2d(width, width, 1)
        with torch.no_grad():
            self.out.weight.mul_(FAINT)
            if self.out.bias is not None:
                self.out.bias.zero_()

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Map (batch, width, pitches, frames) to the same shape."""
        scale, shift = self.tell(labels)[:, :, None, None].chunk(2, dim=1)
        seen = self.norm(features) * (1 + scale) + shift
        far = self.far(_overtones(self.narrow(seen), self.per_octave))
        made: Tensor = self.out(F.gelu(self.near(seen) + far))
        return features + made


def _overtones(features: Tensor, per_octave: float) -> Tensor:
    """Put beside each pitch those that are its overtones, and those that it is one of.

    Args:
        features: (batch, width, pitches, frames).
        per_octave: Pitches of an octave.

    Returns:
        (batch, thirteen times the width, pitches, frames).
    """
    steps = [round(per_octave * math.log2(times)) for times in OVERTONES]
    made: Tensor = _Shifted.apply(features, (0, *steps, *(-step for step in steps)))
    return made


class _Shifted(torch.autograd.Function):
    """Copies of features, moved along the pitches; past either end there is nothing.

    What slices would do, but their slopes are each as large as all features.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, steps: tuple[int, ...]) -> Tensor:
        ctx.steps = steps
        pitches = features.shape[2]
        most = max(map(abs, steps))
        padded = F.pad(features, (0, 0, most, most))
        return torch.cat([padded.narrow(2, most + step, pitches) for step in steps], dim=1)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        batch, width, pitches, frames = slopes.shape
        most = max(map(abs, ctx.steps))
        padded = slopes.new_zeros((batch, width // len(ctx.steps), pitches + 2 * most, frames)).to(
            memory_format=torch.channels_last
        )
        for step, part in zip(ctx.steps, slopes.chunk(len(ctx.steps), dim=1), strict=True):
            padded.narrow(2, most + step, pitches).add_(part)
        return padded.narrow(2, most, pitches), None


@lru_cache(maxsize=4)
def _to_pitch(config: HarmonicUNetConfig) -> Tensor:
    """Return the weights of bins in pitches: (pitches, bins), rows add up to 1.

    A pitch reads the two bins that it lies between or, where pitches are farther apart than
    bins, all bins up to the next pitches, the nearest most.
    """
    spacing = config.sample_rate / config.n_fft
    bins = torch.arange(config.n_fft // 2 + 1, dtype=torch.float64)
    centre = config.hertz() / spacing
    reach = (centre * (2 ** (1 / config.per_octave) - 1)).clamp(min=1.0)
    weights = (1 - (bins - centre[:, None]).abs() / reach[:, None]).clamp(min=0)
    weights[:, -1] += weights.sum(dim=1) == 0  # a pitch above all bins reads the last
    return (weights / weights.sum(dim=1, keepdim=True)).float()


@lru_cache(maxsize=4)
def _to_bins(config: HarmonicUNetConfig) -> Tensor:
    """Return the weights of pitches in bins: (bins, pitches), rows add up to 1."""
    spacing = config.sample_rate / config.n_fft
    hertz = torch.arange(config.n_fft // 2 + 1, dtype=torch.float64) * spacing
    place = (hertz.clamp(min=config.lowest) / config.lowest).log2() * config.per_octave
    place = place.clamp(0, config.pitches - 1)
    steps = torch.arange(config.pitches, dtype=torch.float64)
    return (1 - (place[:, None] - steps).abs()).clamp(min=0).float()


ARCHITECTURE = Architecture(config=HarmonicUNetConfig, build=HarmonicUNet)
