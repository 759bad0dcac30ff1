"""URMP: chamber music, one file for each player (Li et al. 2019).

``NN_Name_inst_inst…/AuMix_….wav`` and ``AuSep_K_inst_….wav``. Players of one instrument
are one source. The name of the folder says what is played, by position: in
``15_Surprise_tpt_tpt_tbn`` the file of the trombone calls itself a trumpet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unmixcli.datasets.collection import Files, Listing, in_order
from unmixcli.datasets.folder import look
from unmixcli.datasets.splits import urmp_split

LABELS = ("bn", "cl", "db", "fl", "hn", "ob", "sax", "tba", "tbn", "tpt", "va", "vc", "vn")
"""The thirteen instruments, in the order of the conditioned networks' labels."""

_PIECE = re.compile(r"(\d{2})_([^_]+)((?:_[a-z]+)+)", re.ASCII)
_PART = re.compile(r"AuSep_(\d+)_([a-z]+)_.*", re.ASCII)
_MIXTURE = "AuMix_"


def pieces(root: Path, folder: str, notes: list[str]) -> list[Listing]:
    """Return the pieces in a folder; none unless a part of one is seen.

    Args:
        root: The data set.
        folder: Which of its folders; empty is itself.
        notes: Gets what a user should know.
    """
    found, unreadable = [], []
    for name in filter(_PIECE.fullmatch, look(root / folder).folders):
        place = f"{folder}/{name}" if folder else name
        try:
            sounds = look(root / place).sounds
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            unreadable.append(Listing(name=name, folder=place, fault=f"cannot read it: {reason}"))
            continue
        if any(map(_is_part, sounds)):
            found.append(_piece(name, place, sounds, notes))
    return found + unreadable if found else []


def _piece(name: str, folder: str, sounds: tuple[str, ...], notes: list[str]) -> Listing:
    found = _PIECE.fullmatch(name)
    assert found is not None
    players = found[3].split("_")[1:]
    parts = {int(part[1]): file for file in sounds if (part := _PART.fullmatch(file))}
    mixtures = [file for file in sounds if file.startswith(_MIXTURE)]
    files: Files = ()
    fault = _fault(players, sorted(parts), sum(map(_is_part, sounds)), len(mixtures))
    if fault is None:
        files = _merged(players, parts)
        notes += _misnamed(players, parts)
        if not mixtures:
            notes.append(f"'{name}' has no AuMix file; its mixture is the sum of its parts")
    return Listing(
        name=name,
        folder=folder,
        files=files,
        mixture=mixtures[0] if mixtures else None,
        split=urmp_split(int(found[1])),
        fault=fault,
    )


def _is_part(file: str) -> bool:
    return file.startswith("AuSep_")


def _fault(players: list[str], numbers: list[int], parts: int, mixtures: int) -> str | None:
    if numbers != list(range(1, len(players) + 1)) or parts != len(players):
        said = ", ".join(map(str, numbers)) or "not at all"
        return (
            f"its name says AuSep_1 to AuSep_{len(players)}; "
            f"{parts} files begin with AuSep, numbered {said}"
        )
    return f"it has {mixtures} AuMix files" if mixtures > 1 else None


def _merged(players: list[str], parts: dict[int, str]) -> Files:
    """Return the files of each instrument; the folder's name knows who plays which."""
    return tuple(
        (label, tuple(parts[k] for k, player in enumerate(players, 1) if player == label))
        for label in in_order(set(players))
    )


def _misnamed(players: list[str], parts: dict[int, str]) -> Iterator[str]:
    for number, player in enumerate(players, 1):
        said = _PART.fullmatch(parts[number])
        if said is not None and said[2] != player:
            yield f"'{parts[number]}' is taken for '{player}', as the name of its folder says"
    for player in sorted(set(players) - set(LABELS)):
        yield f"'{player}' is none of the thirteen instruments of URMP"
