"""A U-Net over musical pitch that is told which instruments play; ours.

The network of :mod:`.harmonic_u_net`, with two additions:

- In every block, features are scaled and shifted by what the labels say (Perez et al.,
  "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv:1709.07871), so that a
  violin is looked for differently beside a viola than beside a tuba.
- Only sources whose label is set, and those that have none (``rest``: all that was not
  asked for), share the mixture. The others are silent, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unmixcli.errors import ConfigError
from unmixcli.layers.level import level_of
from unmixcli.models.harmonic_u_net import HarmonicBody, HarmonicUNetConfig
from unmixcli.network import Architecture

NEVER = -1e4
"""Score of what may not sound, in half precision, too: its share of any bin is 0."""


@dataclass(frozen=True, kw_only=True)
class ConditionedHarmonicUNetConfig(HarmonicUNetConfig):
    """Hyper-parameters.

    Attributes:
        rest: Name of the source, if there is one, that takes what belongs to no label. The
            other sources are the labels.
    """

    rest: str = "rest"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.told:
            raise ConfigError(f"there must be a source beside {self.rest!r}")

    @property
    def told(self) -> tuple[str, ...]:
        """The sources that can be asked for."""
        return tuple(source for source in self.sources if source != self.rest)


class ConditionedHarmonicUNet(HarmonicBody):
    """Masks for the sources that were asked for, and for the rest."""

    config: ConditionedHarmonicUNetConfig

    def __init__(self, config: ConditionedHarmonicUNetConfig) -> None:
        super().__init__(config, len(config.told))

    @property
    def labels(self) -> tuple[str, ...]:
        """What each label stands for, in the order of the labels' last axis."""
        return self.config.told

    def forward(self, mixture: Tensor, labels: Tensor) -> Tensor:
        """Estimate every source that was asked for.

        Args:
            mixture: Waveform, (batch, channels, samples), in [-1, 1].
            labels: What is asked for, (batch, labels): 1 where it is, 0 where not.

        Returns:
            Estimates, (batch, sources, channels, samples). They add up to the mixture;
            what was not asked for is zero.

        Raises:
            ValueError: There are not as many labels as the network has.
        """
        wanted = (len(mixture), len(self.labels))
        if labels.shape != wanted:
            raise ValueError(f"labels must have the shape {wanted}, got {tuple(labels.shape)}")
        labels = labels.to(mixture)
        level = level_of(mixture)
        spectrum = self.spectrum(mixture / level)
        asked = self._asked(labels)
        allowed = asked[:, :, None, None, None]
        scores = self.scores(spectrum, labels)
        # Finite, so that nothing is no number where nothing at all may sound.
        shares = scores.masked_fill(~allowed, NEVER).softmax(dim=1) * allowed

        estimates = mixture.new_zeros(*asked.shape, *mixture.shape[1:])
        item, source = asked.nonzero(as_tuple=True)
        if not len(item):
            return estimates * shares.sum()  # silence, but what is trained may ask for slopes
        made = self.masked(shares[item, source], spectrum[item], mixture.shape[-1])
        made = made * level[item]
        return estimates.index_put((item, source), made)

    def _asked(self, labels: Tensor) -> Tensor:
        """Return which sources may sound, (batch, sources)."""
        columns = [
            labels[:, self.labels.index(source)] > 0
            if source in self.labels
            else torch.ones_like(labels[:, 0], dtype=torch.bool)
            for source in self.config.sources
        ]
        return torch.stack(columns, dim=1)


ARCHITECTURE = Architecture(config=ConditionedHarmonicUNetConfig, build=ConditionedHarmonicUNet)
