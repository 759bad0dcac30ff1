"""How published code names what we name: constructors, defaults, schedules, states.

Each published class is a function from the keyword arguments that its authors'
checkpoints hold to our architecture, configuration and schedule, one file for each
group of authors. Their names are looked up here and never imported; an argument nobody
has declared is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.weights.plain import brief, require_plain
from unmixcli.weights.published import demucs, tdc_u_net, wave_u_net, wavenet
from unmixcli.weights.published.constructor import Constructors, Published

CONSTRUCTORS: Constructors = {
    **demucs.CONSTRUCTORS,
    **tdc_u_net.CONSTRUCTORS,
    **wave_u_net.CONSTRUCTORS,
    **wavenet.CONSTRUCTORS,
}

POSITIONAL: dict[tuple[str, str], tuple[str, ...]] = {**demucs.POSITIONAL}

ARCHITECTURES = {
    "demucs.model.Demucs": "demucs",
    "demucs.tasnet.ConvTasNet": "conv_tasnet",
    "tdc_u_net.vocals": "tdc_u_net",
    wave_u_net.SEPARATOR: "wave_u_net",
    wave_u_net.CONDITIONAL: "conditioned_wave_u_net",
    "SingingVoiceSeparationWavenet": "wavenet",
    "MultiInstrumentSeparationWavenet": "wavenet",
}
"""What each class makes, whatever its arguments."""

__all__ = ["ARCHITECTURES", "CONSTRUCTORS", "Published", "calls_of", "translate"]


def calls_of(architecture: str) -> list[tuple[str, str]]:
    """Return systems and classes that make an architecture, later generations first."""
    calls = sorted(CONSTRUCTORS, reverse=True)
    return [(system, name) for system, name in calls if ARCHITECTURES[name] == architecture]


def translate(
    system: str, name: str, options: Mapping[str, Any], *, arguments: Sequence[Any] = ()
) -> Published:
    """Return what a published constructor call means here.

    Args:
        system: Generation of the code, ``demucs_v1`` or ``demucs_v2``: both have
            classes of the same names.
        name: Qualified class name, as checkpoints hold it.
        options: The keyword arguments; their defaults are the published ones.
        arguments: The positional arguments.

    Raises:
        ConfigError: The class or an argument is unknown, or a value impossible.
    """
    constructor = CONSTRUCTORS.get((system, name))
    if constructor is None:
        raise ConfigError(f"no architecture here for '{brief(name)}' of {brief(system)}")
    names = POSITIONAL.get((system, name), ())
    if len(arguments) > len(names):
        raise ConfigError(f"'{name}' of {system} takes no {len(arguments)} positional arguments")
    try:
        require_plain([dict(options), list(arguments)])
        return constructor({**dict(zip(names, arguments, strict=False)), **options})
    except ConfigError as error:
        raise ConfigError(brief(error), hint=error.hint) from error
    # Constructors check the kinds of their arguments no more than Python does.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f"'{name}' of {system} cannot be called so: {brief(error) or type(error).__name__}"
        ) from error
