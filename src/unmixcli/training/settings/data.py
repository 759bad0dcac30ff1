"""Which network is trained, on batches made of what, and by which of them it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.network import require_count, require_range
from unmixcli.training.settings.bounds import MOST, require_choice

SAMPLINGS = ("uniform", "voiced")
MIXTURES = ("sum", "file")
NORMALISATIONS = ("none", "track")
SPLITS = ("musdb", "wave-u-net", "none")
METRICS = ("loss", "sdr")
UNITS = ("segments", "tracks")

Table = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Which network is trained, and how a track is cut for it.

    Attributes:
        published: A name in :data:`unmixcli.training.network.PUBLISHED`, such as ``M4``; or none.
        architecture: A module of :mod:`unmixcli.models`, where nothing is published.
        config: Its hyper-parameters, in our names; beside ``published``, those that differ.
        schedule: How a track is cut, as in :class:`~unmixcli.schedule.Schedule`; beside
            ``published``, what differs.
    """

    published: str = ""
    architecture: str = ""
    config: Table = field(default_factory=dict)
    schedule: Table = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.published) == bool(self.architecture):
            raise ConfigError("model must name either a published network or an architecture")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What a batch is made of.

    Attributes:
        segment: Samples that the network is to predict of an example, at the model's rate;
            it reads what :meth:`unmixcli.network.Network.geometry` says. 0: see ``seconds``.
        seconds: The same in seconds, where ``segment`` is 0.
        batch_size: Examples of an optimiser's step, over all devices.
        steps_per_epoch: Batches of an epoch; 0 takes every window of every track once.
        stride: Samples from one such window to the next; 0 is a segment.
        repeat: How often an epoch takes every such window.
        sources: What is separated, in the network's order; none are the network's own.
        mixture: ``sum`` of the augmented sources, or the track's own ``file``.
        normalise: ``track`` brings each to zero mean and unit deviation of its mono mixture.
        pad: Whether segments may begin and end in the silence around a track, by as much as
            the network reads beyond what it predicts.
        sampling: ``uniform``, or ``voiced``: a share of the examples lies where one source sounds.
        voiced_share: That share, before redraws, in [0, 1].
        voiced_source: Which source has to sound.
        voiced_chunk: Samples over which its level is taken.
        voiced_threshold: Least mean magnitude of such a chunk, of the track's loudest one.
    """

    segment: int = 0
    seconds: float = 0.0
    batch_size: int = 16
    steps_per_epoch: int = 0
    stride: int = 0
    repeat: int = 1
    sources: tuple[str, ...] = ()
    mixture: str = "sum"
    normalise: str = "none"
    pad: bool = False
    sampling: str = "uniform"
    voiced_share: float = 0.5
    voiced_source: str = "vocals"
    voiced_chunk: int = 800
    voiced_threshold: float = 0.1

    def __post_init__(self) -> None:
        require_count("data.segment", self.segment, 0, MOST)
        require_range("data.seconds", self.seconds, 0, 3600)
        if bool(self.segment) == bool(self.seconds):
            raise ConfigError("one of data.segment and data.seconds must be positive, not both")
        require_count("data.batch_size", self.batch_size, 1, 65_536)
        require_count("data.steps_per_epoch", self.steps_per_epoch, 0, MOST)
        require_count("data.stride", self.stride, 0, MOST)
        require_count("data.repeat", self.repeat, 1, 10_000)
        if len(set(self.sources)) != len(self.sources):
            raise ConfigError(f"data.sources must be distinct names, got {list(self.sources)!r}")
        require_choice("data.mixture", self.mixture, MIXTURES)
        require_choice("data.normalise", self.normalise, NORMALISATIONS)
        require_choice("data.sampling", self.sampling, SAMPLINGS)
        require_range("data.voiced_share", self.voiced_share, 0, 1)
        require_count("data.voiced_chunk", self.voiced_chunk, 1, MOST)
        require_range("data.voiced_threshold", self.voiced_threshold, 0, 1)

    def samples(self, sample_rate: int) -> int:
        """Return the samples to predict of an example, at a rate in Hz."""
        return self.segment or max(1, round(self.seconds * sample_rate))


@dataclass(frozen=True, kw_only=True)
class AugmentStep:
    """One augmentation; the others are done before and after it, in the file's order.

    Attributes:
        name: See :data:`unmixcli.training.augment.AUGMENTATIONS`.
        params: Its parameters; what is left out is as published.
    """

    name: str
    params: Table = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """What decides which weights are the best.

    Attributes:
        every: Epochs from one validation to the next.
        metric: ``loss``, the recipe's, less is better; or ``sdr``, more is.
        unit: ``segments``, one after the other over every track, as in training; or whole
            ``tracks``, separated as by ``separate``.
        steps: Batches of segments; 0 takes all.
        longest: Seconds of a track that are read at most; 0 reads all.
        split: Which tracks: ``musdb``, that package's list; ``wave-u-net``, 25 of the 100
            drawn with seed 1337; ``none``, what the dataset itself sets apart.
    """

    every: int = 1
    metric: str = "loss"
    unit: str = "tracks"
    steps: int = 0
    longest: float = 0.0
    split: str = "musdb"

    def __post_init__(self) -> None:
        require_count("validation.every", self.every, 1, MOST)
        require_choice("validation.metric", self.metric, METRICS)
        require_choice("validation.unit", self.unit, UNITS)
        require_count("validation.steps", self.steps, 0, MOST)
        require_range("validation.longest", self.longest, 0, 86_400)
        require_choice("validation.split", self.split, SPLITS)
