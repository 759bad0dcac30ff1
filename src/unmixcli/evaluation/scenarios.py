"""Which stems are scored beside which.

Interference is what comes from the other references, so that company matters to SIR and SAR. The
accompaniment is the sum of others, and beside them nothing would be left to tell apart:
museval scores vocals and accompaniment by themselves, and so do we.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

VOCALS, ACCOMPANIMENT = "vocals", "accompaniment"


@dataclass(frozen=True)
class Scenario:
    """Stems that are scored together.

    Attributes:
        members: Whose references explain the estimates.
        scored: Those of them whose scores count here.
    """

    members: tuple[str, ...]
    scored: tuple[str, ...]


def scenarios(names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios of a track; each stem counts in one.

    Args:
        names: Its stems.
    """
    pair = (VOCALS, ACCOMPANIMENT)
    if not set(pair) <= set(names) or len(names) == len(pair):
        return [Scenario(tuple(names), tuple(names))]
    stems = tuple(name for name in names if name != ACCOMPANIMENT)
    others = tuple(name for name in stems if name != VOCALS)
    return [Scenario(stems, others), Scenario(pair, pair)]
