"""unmixcli: separate music into stems with pretrained weights."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Output", "Selection", "Separator", "Settings", "__version__"]

_HOMES = {
    "Output": "unmixcli.settings",
    "Selection": "unmixcli.selection",
    "Separator": "unmixcli.separation",
    "Settings": "unmixcli.settings",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: torch alone would cost ``--help`` a second."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
