"""How a user wants a model's tracks cut."""

from __future__ import annotations

from dataclasses import replace

from unmixcli.errors import ConfigError
from unmixcli.inference.plan import seamless
from unmixcli.schedule import Schedule
from unmixcli.settings import Chunking, Settings
from unmixcli.weights.loader import Model


def chosen_schedule(model: Model, settings: Settings) -> Schedule:
    """Return the model's published schedule with the user's changes.

    Raises:
        ConfigError: The model cannot be cut that way.
    """
    schedule = model.schedule
    if settings.segment is not None:
        samples = max(round(settings.segment * model.config.sample_rate), 1)
        schedule = replace(schedule, segment=samples)
    if settings.chunking is Chunking.SEAMLESS:
        if settings.shifts or settings.overlap:
            raise ConfigError(
                "seamless chunks need neither shifts nor overlap",
                hint="leave out --shifts and --overlap, or '--chunking seamless'",
            )
        # Networks of one model are of one kind, so that what suits one suits all.
        return seamless(model.networks[0], schedule, model.name)
    if settings.overlap is not None:
        schedule = replace(schedule, overlap=settings.overlap)
    if settings.shifts is not None:
        schedule = replace(schedule, shifts=settings.shifts)
    return schedule
