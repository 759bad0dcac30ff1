"""unmixcli: separate music into stems with pretrained weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmixcli.errors import UnmixError
    from unmixcli.report import SeparationReport
    from unmixcli.selection import Selection
    from unmixcli.separation import Separator
    from unmixcli.settings import Output, Settings

__version__ = "0.1.0"
__all__ = [
    "Output",
    "Selection",
    "SeparationReport",
    "Separator",
    "Settings",
    "UnmixError",
    "__version__",
]

_HOMES = {
    "Output": "unmixcli.settings",
    "Selection": "unmixcli.selection",
    "SeparationReport": "unmixcli.report",
    "Separator": "unmixcli.separation",
    "Settings": "unmixcli.settings",
    "UnmixError": "unmixcli.errors",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: torch alone would cost ``--help`` a second."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
