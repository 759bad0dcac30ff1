"""What the values of a recipe are held against."""

from __future__ import annotations

from unmixcli.errors import ConfigError, nearest

MOST = 1_000_000_000
"""Steps, epochs, samples: far beyond what a run can reach."""


def require_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse what is none of the known words.

    Raises:
        ConfigError: It is none.
    """
    if value not in known:
        raise ConfigError(
            f"{name} must be one of {', '.join(known)}, got {value!r}",
            hint=nearest(str(value), known),
        )


def require_rate(name: str, value: float) -> None:
    """Refuse a learning rate that no training survives, or that trains nothing.

    Raises:
        ConfigError: It is not in (0, 10].
    """
    if not 0 < value <= 10:
        raise ConfigError(f"{name} must be in (0, 10], got {value!r}")
