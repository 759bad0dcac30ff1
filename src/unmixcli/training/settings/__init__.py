"""What a recipe is made of: plain values with bounds, each named as in the file.

Every table of the file is a class here, every key a field. Nothing is read, built or
allocated; torch is not imported.
"""

from unmixcli.training.settings.bounds import require_choice, require_rate
from unmixcli.training.settings.data import (
    AugmentStep,
    DataSettings,
    ModelSettings,
    ValidationSettings,
)
from unmixcli.training.settings.descent import (
    LossTerm,
    OptimSettings,
    SchedulerSettings,
    Stage,
)

PRECISIONS = ("fp32", "bf16", "fp16")

__all__ = [
    "PRECISIONS",
    "AugmentStep",
    "DataSettings",
    "LossTerm",
    "ModelSettings",
    "OptimSettings",
    "SchedulerSettings",
    "Stage",
    "ValidationSettings",
    "require_choice",
    "require_rate",
]
