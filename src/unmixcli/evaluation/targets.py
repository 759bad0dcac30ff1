"""Which stems of a track are scored, given what a system has estimates of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmixcli.datasets.track import ACCOMPANIMENT, VOCALS, DatasetTrack
from unmixcli.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What is scored.

    Attributes:
        names: Stems, as the track calls them.
        summed: Whether the accompaniment is the sum of the system's other stems.
        unscored: Stems of the track that there is no estimate of.
    """

    names: tuple[str, ...]
    summed: bool
    unscored: tuple[str, ...]


def choose(track: DatasetTrack, given: Sequence[str], *, accompaniment: bool = False) -> Targets:
    """Return what is scored: the stems that track and system both have.

    The accompaniment is scored too where it is among the estimates or the references, or
    where it is asked for; it is derived on the side that lacks it.

    Args:
        track: The references.
        given: What the system has estimates of, as the track calls it.
        accompaniment: Score the accompaniment also where nobody has a file of it.

    Raises:
        DatasetError: They have nothing in common.
    """
    own = track.sources
    names = [source for source in own if source in given]
    asked = accompaniment or ACCOMPANIMENT in own
    summed = ACCOMPANIMENT not in given and asked and track.has(ACCOMPANIMENT)
    summed = summed and _complete(own, given)
    if ACCOMPANIMENT not in names and (summed or _is_given(track, given)):
        names.append(ACCOMPANIMENT)
    if not names:
        raise DatasetError(
            f"track '{track.name}': no estimate has the name of a reference",
            hint=f"references are {', '.join(own)}; estimates are {', '.join(given) or 'none'}",
        )
    unscored = tuple(source for source in own if source not in names)
    return Targets(names=tuple(names), summed=summed, unscored=unscored)


def _is_given(track: DatasetTrack, given: Sequence[str]) -> bool:
    return ACCOMPANIMENT in given and track.has(ACCOMPANIMENT)


def _complete(own: Sequence[str], given: Sequence[str]) -> bool:
    """Say whether a system's other stems sum to the accompaniment, as far as can be known.

    A system that lacks a stem of the track has no accompaniment; where the track has none but
    vocals and accompaniment, nobody can tell.
    """
    others = set(given) - {VOCALS, ACCOMPANIMENT}
    return bool(others) and set(own) - {VOCALS, ACCOMPANIMENT} <= others
