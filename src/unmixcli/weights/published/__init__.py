"""How published code names what we name: constructors, defaults, schedules, states.

Each published class is a function from the keyword arguments that its authors'
checkpoints hold to our architecture, configuration and schedule, one file for each
group of authors. Their names are looked up here and never imported; an argument nobody
has declared is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.weights.published import demucs
from unmixcli.weights.published.constructor import Constructors, Published

CONSTRUCTORS: Constructors = {**demucs.CONSTRUCTORS}

__all__ = ["CONSTRUCTORS", "Published", "translate"]


def translate(system: str, name: str, options: Mapping[str, Any]) -> Published:
    """Return what a published constructor call means here.

    Args:
        system: Generation of the code, ``demucs_v1`` or ``demucs_v2``: both have
            classes of the same names.
        name: Qualified class name, as checkpoints hold it.
        options: The keyword arguments; their defaults are the published ones.

    Raises:
        ConfigError: The class or an argument is unknown, or a value impossible.
    """
    constructor = CONSTRUCTORS.get((system, name))
    if constructor is None:
        raise ConfigError(f"no architecture here for '{name}' of {system}")
    return constructor(dict(options))
