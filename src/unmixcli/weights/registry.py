"""From an architecture's name to the module that defines it."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from unmixcli import models
from unmixcli.errors import ConfigError
from unmixcli.network import Architecture, ModelConfig
from unmixcli.weights.plain import brief, is_source, require_plain


def architectures() -> tuple[str, ...]:
    """Return the modules of :mod:`unmixcli.models`, without importing any."""
    return tuple(sorted(module.name for module in iter_modules(models.__path__)))


def architecture(name: str) -> Architecture:
    """Return the architecture that ``unmixcli/models/<name>.py`` defines.

    The name is looked up among our own modules; a name found in a file can
    never import anything else.

    Raises:
        ConfigError: There is no such module, or it defines no ``ARCHITECTURE``.
    """
    if name not in architectures():
        raise ConfigError(
            f"no architecture named '{brief(name)}'",
            hint=f"known are: {', '.join(architectures())}",
        )
    found = getattr(import_module(f"{models.__name__}.{name}"), "ARCHITECTURE", None)
    if not isinstance(found, Architecture):
        raise ConfigError(f"models/{name}.py defines no ARCHITECTURE")
    return found


def configure(name: str, values: Mapping[str, Any]) -> ModelConfig:
    """Build an architecture's configuration from JSON values.

    Raises:
        ConfigError: A key is unknown or missing, or a value out of bounds.
    """
    kind = architecture(name).config
    known = set(kind.__dataclass_fields__)
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"'{name}' has no hyper-parameter '{brief(unknown[0])}'")
    # JSON has no tuples, configurations have no lists.
    frozen: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in values.items()
    }
    try:
        require_plain(frozen)
        config = kind(**frozen)
    except ConfigError as error:
        raise ConfigError(brief(error), hint=error.hint) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"invalid configuration of '{name}': {error}") from error
    if bad := [source for source in config.sources if not is_source(source)]:
        raise ConfigError(f"no source can be called '{brief(bad[0])}': its stem is a file")
    return config
