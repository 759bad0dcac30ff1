"""From what a recipe says of its network to the network, and to how a track is cut for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from unmixcli.errors import ConfigError, nearest
from unmixcli.network import ModelConfig
from unmixcli.schedule import Schedule, Tail
from unmixcli.training.settings import ModelSettings
from unmixcli.training.tables import unknown
from unmixcli.weights.published import translate
from unmixcli.weights.published.demucs import FOUR_STEMS
from unmixcli.weights.published.wave_u_net import NAMED
from unmixcli.weights.registry import architecture, configure

_WAVENET = {
    "model": {
        "num_stacks": 4,
        "dilations": 9,
        "filters": {
            "depths": {"res": 64, "skip": 64, "final": [2048, 256]},
            "lengths": {"res": 3, "final": [3, 3]},
        },
        "target_padding": 1,
        "target_field_length": 1601,
    }
}

PUBLISHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    **NAMED,
    "demucs": ("demucs_v2", "demucs.model.Demucs", {"sources": FOUR_STEMS, "channels": 64}),
    "demucs-v1": ("demucs_v1", "demucs.model.Demucs", {"channels": 100}),
    "conv-tasnet": ("demucs_v2", "demucs.tasnet.ConvTasNet", {"sources": FOUR_STEMS, "X": 10}),
    "tdc-vocals": ("tdc_u_net", "tdc_u_net.vocals", {}),
    "wavenet-vocals": ("wavenet", "SingingVoiceSeparationWavenet", _WAVENET),
    "wavenet-multi": ("wavenet", "MultiInstrumentSeparationWavenet", _WAVENET),
}
"""The papers' networks: arguments of :func:`unmixcli.weights.published.translate`."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A network that can be built.

    Attributes:
        architecture: A module of :mod:`unmixcli.models`.
        config: Its hyper-parameters.
        schedule: How a track is cut for it.
    """

    architecture: str
    config: ModelConfig
    schedule: Schedule

    def build(self) -> nn.Module:
        """Make the network, with freshly initialised weights."""
        network: nn.Module = architecture(self.architecture).build(self.config)
        return network


def resolve(settings: ModelSettings) -> Resolved:
    """Return the network that a recipe means.

    Raises:
        ConfigError: There is none of that name, or a hyper-parameter is unknown or out of bounds.
    """
    if settings.published:
        return _published(settings)
    config = _configured(settings.architecture, {}, settings)
    usual = Schedule(segment=10 * config.sample_rate, overlap=0.25, tail=Tail.SHORTEN)
    return Resolved(
        architecture=settings.architecture, config=config, schedule=_cut(usual, settings)
    )


def _published(settings: ModelSettings) -> Resolved:
    if settings.published not in PUBLISHED:
        hint = nearest(settings.published, PUBLISHED) or f"known are: {', '.join(PUBLISHED)}"
        raise ConfigError(f"model.published: no network named '{settings.published}'", hint=hint)
    system, name, options = PUBLISHED[settings.published]
    found = translate(system, name, options)
    return Resolved(
        architecture=found.architecture,
        config=_configured(found.architecture, vars(found.config), settings),
        schedule=_cut(found.schedule, settings),
    )


def _configured(name: str, values: dict[str, Any], settings: ModelSettings) -> ModelConfig:
    known = architecture(name).config.__dataclass_fields__
    for key in settings.config:
        if key not in known:
            raise unknown(f"model.config.{key}", key, known)
    try:
        return configure(name, {**values, **settings.config})
    except ConfigError as error:
        raise ConfigError(f"model.config: {error}", hint=error.hint) from error


def _cut(schedule: Schedule, settings: ModelSettings) -> Schedule:
    values = asdict(schedule)
    for key in settings.schedule:
        if key not in values:
            raise unknown(f"model.schedule.{key}", key, values)
    try:
        return Schedule.from_json({**values, **settings.schedule})
    except ConfigError as error:
        raise ConfigError(f"model.schedule: {error}", hint=error.hint) from error
