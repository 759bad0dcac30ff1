"""Every error unmixcli raises on purpose.

    UnmixError                      exit
    ├── UsageError                    2   a command that cannot be meant
    ├── AudioError                    3   input cannot be opened, decoded, or is empty
    ├── OutputError                   4   a stem cannot be written
    ├── WeightsError                  5   weights are missing, damaged, or give NaN
    │   └── UnknownModelError             name absent from the manifest
    ├── ConfigError                   6   a value no model can have
    ├── DatasetError                  7   training or evaluation data are incomplete
    ├── DeviceError                   8   device absent or out of memory
    ├── PartialError                  9   some tracks or models failed, the others are done
    └── Cancelled                   130   the caller asked to stop

Anything else that escapes is a bug and exits with 1 and a traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class UnmixError(Exception):
    """Base of all intended errors: what went wrong, and what to do next.

    Args:
        message: One sentence naming the offending value, without a full stop.
        hint: One imperative sentence the reader can act on, or ``None``.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(UnmixError):
    """Arguments that are each valid but make no sense together."""

    exit_code = 2


class AudioError(UnmixError):
    """An input track cannot be opened, decoded, or holds no samples."""

    exit_code = 3


class OutputError(UnmixError):
    """A stem cannot be written where it was asked for."""

    exit_code = 4


class WeightsError(UnmixError):
    """A model's weights are unknown, unreachable, damaged, or give NaN."""

    exit_code = 5


class UnknownModelError(WeightsError):
    """The manifest has no model of this name."""

    def __init__(self, name: str, *, known: tuple[str, ...]) -> None:
        hint = nearest(name, known) or "see 'unmixcli models list'"
        super().__init__(f"no model named '{name}' in the manifest", hint=hint)


class ConfigError(UnmixError):
    """A configuration value that no network, schedule or run can have."""

    exit_code = 6


class DatasetError(UnmixError):
    """Training or evaluation data are incomplete."""

    exit_code = 7


class DeviceError(UnmixError):
    """A device that is absent or out of memory."""

    exit_code = 8


class PartialError(UnmixError):
    """Some tracks or models failed; the others are done."""

    exit_code = 9


class Cancelled(UnmixError):
    """The caller asked to stop; nothing half-written is left."""

    exit_code = 130


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Ask whether one of up to three known words was meant; ``None`` where none is near."""
    folded = {other.casefold(): other for other in known}
    near = [f"'{folded[key]}'" for key in get_close_matches(word.casefold(), folded, n=3)]
    if not near:
        return None
    *others, last = near
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory is what was lacking; of the devices only CUDA has a class for it."""
    said = str(error).lower()
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or "out of memory" in said or "allocate memory" in said
