"""Wave-U-Nets as files: small, and some of weights from which one knows what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from unmixcli.models.conditioned_wave_u_net import ConditionedWaveUNet, ConditionedWaveUNetConfig
from unmixcli.models.wave_u_net import WaveUNet, WaveUNetConfig
from unmixcli.schedule import Schedule
from unmixcli.weights import checkpoint

RATE = 8000
TINY = {"sample_rate": RATE, "depth": 2, "width": 3, "down_kernel": 5, "up_kernel": 3}
URMP = ("bn", "cl", "db", "fl", "hn", "ob", "sax", "tba", "tbn", "tpt", "va", "vc", "vn")
SLOPE = 0.2


def save(path: Path, network: nn.Module, segment: int = 1000) -> Path:
    """Write a network as a native file."""
    conditioned = isinstance(network, ConditionedWaveUNet)
    header = checkpoint.Header(
        architecture="conditioned_wave_u_net" if conditioned else "wave_u_net",
        config=network.config,
        schedule=Schedule(segment=segment, power=0.0),
        licence="CC0-1.0",
        provenance="made by a test",
    )
    checkpoint.save(path, network.state_dict(), header)
    return path


def drawn(path: Path, *, channels: int = 1, told: bool = False, **changes) -> Path:
    """Write a network of random weights."""
    torch.manual_seed(3)
    kind = ConditionedWaveUNetConfig if told else WaveUNetConfig
    config = kind(**{"sources": ("vocals", "rest"), "channels": channels, **TINY, **changes})
    return save(path, ConditionedWaveUNet(config) if told else WaveUNet(config))


def scaling(path: Path, gains: Mapping[str, float]) -> Path:
    """Write a network of which each estimate is the mixture times a gain."""
    config = WaveUNetConfig(
        sources=tuple(gains), channels=1, activation="linear", difference=False, clip=False, **TINY
    )
    network = WaveUNet(config)
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        for head, gain in zip(network.heads, gains.values(), strict=True):
            head.weight[0, 0] = gain  # the mixture lies before the features
    return save(path, network)


def obeying(path: Path, gains: Mapping[str, float], labels: tuple[str, ...] = ()) -> Path:
    """Write a network of which each estimate is the mixture times a gain, if it is told so.

    Half of its features hold the mixture and half the mixture turned over, as leaky
    rectifiers leave them; their difference is the mixture again.
    """
    config = ConditionedWaveUNetConfig(
        sources=tuple(gains),
        channels=1,
        activation="linear",
        difference=False,
        labels=labels,
        fusion="late",
        **{**TINY, "depth": 1, "width": 2},
    )
    network, told = ConditionedWaveUNet(config), len(config.told)
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        network.down[0].weight[:, 0, TINY["down_kernel"] // 2] = torch.tensor([1.0, -1.0])
        network.up[-1].weight[:, :2, TINY["up_kernel"] // 2] = torch.eye(2)
        for row, (head, gain) in enumerate(zip(network.heads, gains.values(), strict=True)):
            head.weight[0, 1 + row] = gain / (1 + SLOPE**2)
            head.weight[0, 1 + told + row] = -gain / (1 + SLOPE**2)
    return save(path, network)


def broken(path: Path) -> Path:
    """Write a network whose weights are finite, and whose estimates are not."""
    config = WaveUNetConfig(
        **{"sources": ("a", "b"), "channels": 1, "activation": "linear", "clip": False, **TINY}
    )
    network = WaveUNet(replace(config, difference=False))
    with torch.no_grad():
        for weights in network.parameters():
            weights.fill_(1e38 if weights.dim() > 1 else 0)  # silence stays silence
    return save(path, network)
