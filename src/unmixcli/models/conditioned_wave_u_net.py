"""CExp-Wave-U-Net: a Wave-U-Net that is told which instruments play.

Slizovskaia, Kim, Haro & Gómez, "End-to-End Sound Source Separation Conditioned on
Instrument Labels", ICASSP 2019, arXiv:1811.01850. The published network multiplies the
features of its bottleneck by the labels; the paper names what else could be done, and it
is here, too: where the labels are told (fusion), and how (conditioning).

    conditioning        features h of F channels, labels z of K     channels made
    multiplicative      h[f] * z[k], at channel f * K + k           F * K
    additive            h[f] + sum over k of A[f, k] * z[k]         F
    concatenating       h, then every z[k] as a channel             F + K

Paper and code differ. The code's product is an outer one, without weights, and is
followed. But over a batch it gives frame t of item b the labels of item (b * T + t) mod B,
of T frames and B items; here every item has its own, as the paper says. For one item the
two are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unmixcli.errors import ConfigError
from unmixcli.models.wave_u_net import WaveUNetBody, WaveUNetConfig
from unmixcli.network import Architecture, require_range

FUSIONS = ("early", "middle", "late")
CONDITIONINGS = ("multiplicative", "additive", "concatenating")


@dataclass(frozen=True, kw_only=True)
class ConditionedWaveUNetConfig(WaveUNetConfig):
    """Hyper-parameters; the defaults are the published network's, but for its sources.

    Attributes:
        labels: What each label stands for; none are the sources themselves.
        fusion: Where the labels are told: ``early`` to the encoder, with the mixture;
            ``middle`` at the bottleneck; ``late`` to the output, with the decoder's features.
        conditioning: ``multiplicative``, ``additive`` or ``concatenating``.
    """

    clip: bool = False
    labels: tuple[str, ...] = ()
    fusion: str = "middle"
    conditioning: str = "multiplicative"

    def __post_init__(self) -> None:
        super().__post_init__()
        named = isinstance(self.labels, tuple) and all(isinstance(s, str) for s in self.labels)
        if not named or len(set(self.labels)) != len(self.labels):
            raise ConfigError(f"labels must be distinct names, got {self.labels!r}")
        require_range("number of labels", len(self.labels), 0, 128)
        for name, known in (("fusion", FUSIONS), ("conditioning", CONDITIONINGS)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        mixture, bottom, top = self.reads
        heaviest = max(
            self.down_kernel * mixture * self.widths[0],
            self.up_kernel * bottom * self.widths[-2],
            self.output_kernel * top * self.channels * len(self.sources),
        )
        require_range("weights that read the labels", heaviest, 1, 2**28)

    @property
    def told(self) -> tuple[str, ...]:
        """The labels, or the sources where none are named."""
        return self.labels or self.sources

    @property
    def untold(self) -> int:
        """Channels of what the labels are told with, before they are."""
        return super().reads[FUSIONS.index(self.fusion)]

    @property
    def reads(self) -> tuple[int, int, int]:
        """Channels that encoder, decoder and output read, of which one is told the labels."""
        made = {
            "multiplicative": self.untold * len(self.told),
            "additive": self.untold,
            "concatenating": self.untold + len(self.told),
        }
        widths = list(super().reads)
        widths[FUSIONS.index(self.fusion)] = made[self.conditioning]
        return widths[0], widths[1], widths[2]


class ConditionedWaveUNet(WaveUNetBody):
    """A Wave-U-Net, one part of which reads labels."""

    config: ConditionedWaveUNetConfig

    def __init__(self, config: ConditionedWaveUNetConfig) -> None:
        super().__init__(config)
        if config.conditioning == "additive":
            # What reads the sum follows a convolution with a bias: another would say nothing.
            self.offsets = nn.Linear(len(config.told), config.untold, bias=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each label stands for, in the order of the labels' last axis."""
        return self.config.told

    def forward(self, mixture: Tensor, labels: Tensor) -> Tensor:
        """Estimate every source.

        Args:
            mixture: Waveform, (batch, channels, input), in [-1, 1].
            labels: What sounds in each, (batch, labels): 1 where it does, 0 where not.

        Returns:
            Estimates, (batch, sources, channels, output).

        Raises:
            ValueError: No geometry has an input of that length, or there are not as
                many labels as the network has.
        """
        wanted = (len(mixture), len(self.labels))
        if labels.shape != wanted:
            raise ValueError(f"labels must have the shape {wanted}, got {tuple(labels.shape)}")
        fusion, labels = self.config.fusion, labels.to(mixture)
        read = self.fitted(mixture)
        features, skips = self.encode(self.tell(read, labels) if fusion == "early" else read)
        features = self.tell(features, labels) if fusion == "middle" else features
        features = self.decode(features, skips)
        features = self.tell(features, labels) if fusion == "late" else features
        return self.estimate(features, read)[..., : mixture.shape[-1]]

    def tell(self, features: Tensor, labels: Tensor) -> Tensor:
        """Let features know the labels, the same for all frames.

        Args:
            features: (batch, width, frames).
            labels: (batch, labels).

        Returns:
            (batch, width made of both, frames).
        """
        if self.config.conditioning == "multiplicative":
            return (features[:, :, None] * labels[:, None, :, None]).flatten(1, 2)
        if self.config.conditioning == "additive":
            offsets: Tensor = self.offsets(labels)
            return features + offsets[..., None]
        return torch.cat([features, labels[..., None].expand(-1, -1, features.shape[-1])], dim=1)


ARCHITECTURE = Architecture(config=ConditionedWaveUNetConfig, build=ConditionedWaveUNet)
