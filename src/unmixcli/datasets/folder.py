"""What a folder holds, by names alone: sounds and other folders."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from unmixcli.errors import DatasetError

SOUNDS = frozenset(
    {".wav", ".flac", ".aiff", ".aif", ".aifc", ".w64", ".rf64", ".caf", ".au", ".ogg", ".opus"}
    | {".mp3"}
)
"""Endings of what may be a stem. Content decides when it is read, but not what is looked at."""

STEM_FILE = ".stem.mp4"

_SYSTEM = ("__MACOSX", "$RECYCLE.BIN", "System Volume Information", "lost+found")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds, each sorted by name; hidden entries are left out.

    Attributes:
        folders: Names of its folders, and of links to folders.
        sounds: Names of its files that may be stems.
        stem_files: Names of its files that hold several stems.
        broken: Names of links that lead nowhere, or in a circle, where a folder or a sound
            could be.
    """

    folders: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    stem_files: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def look(folder: Path | str) -> Contents:
    """Return what a folder holds.

    Raises:
        OSError: It cannot be listed.
    """
    folders, sounds, stem_files, broken = [], [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            kind = _kind(entry)
            if kind == "folder":
                folders.append(entry.name)
            elif kind == "broken":
                broken.append(entry.name)
            elif entry.name.lower().endswith(STEM_FILE):
                stem_files.append(entry.name)
            elif is_sound(entry.name):
                sounds.append(entry.name)
    return Contents(*(tuple(sorted(names)) for names in (folders, sounds, stem_files, broken)))


def look_or_refuse(folder: Path) -> Contents:
    """Return what the folder of a data set holds.

    Raises:
        DatasetError: There is no such folder, or it cannot be listed.
    """
    try:
        return look(folder)
    except NotADirectoryError as error:
        raise DatasetError(
            f"'{folder}' is a file", hint="name the folder that the tracks are in"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"cannot read the folder '{folder}': {reason.lower()}",
            hint="check the name, and that you may read it",
        ) from error


def is_sound(file: str) -> bool:
    """Say whether a file may be a stem, by its ending."""
    return os.path.splitext(file)[1].lower() in SOUNDS  # noqa: PTH122  a Path for each of 10^5


def stem_name(file: str) -> str:
    """Return the source that a file is named after: ``Vocals.wav`` is ``vocals``."""
    return folded(os.path.splitext(file)[0])  # noqa: PTH122


def folded(name: str) -> str:
    """Return a name as it is compared: whatever its case, and its Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_hidden(name: str) -> bool:
    """Say whether a user does not see an entry; a song may begin with three dots."""
    return name in _SYSTEM or (name.startswith(".") and not name.startswith(".."))


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
            return "broken"
    except OSError:  # a link to itself
        return "broken"
    return "file"
