"""Whether stems can be written where they are asked for, known before any computing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from unmixcli.errors import OutputError

_MEGABYTE = 1_000_000


def stem_file(stem: str) -> str:
    """Return the file name of a stem."""
    return f"{stem}.wav"


def check_output(folder: Path, stems: Sequence[str], overwrite: bool = False) -> None:
    """Refuse a folder the stems cannot be written to.

    Args:
        folder: Where ``<stem>.wav`` will be; need not exist.
        stems: Names of the stems.
        overwrite: Whether old stems may be replaced.

    Raises:
        OutputError: A stem is there already, or the folder can be neither made nor used.
    """
    _check_names(stems)
    try:
        for stem in stems:
            _check_file(folder / stem_file(stem), overwrite)
        _check_writable(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(
            f"cannot write to '{folder}': {reason}", hint="choose another output folder"
        ) from error
    except ValueError as error:  # a NUL in the name
        raise OutputError(f"cannot write to {str(folder)!r}: {error}") from error


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what will not fit.

    Args:
        folder: Where it will be; need not exist.
        needed: Size of all stems, in bytes.

    Raises:
        OutputError: The file system has less than that.
    """
    free = shutil.disk_usage(_nearest(folder)).free
    if needed > free:
        raise OutputError(
            f"not enough space for '{folder}': {-(-needed // _MEGABYTE)} MB needed, "
            f"{free // _MEGABYTE} MB free",
            hint="free some space, or choose another folder or a smaller sample format",
        )


def require_apart(tracks: Iterable[Path], paths: Iterable[Path]) -> None:
    """Refuse to write over what is to be read.

    Raises:
        OutputError: One of ``paths`` is one of ``tracks``, under whatever name.
    """
    inputs = {os.path.realpath(track) for track in tracks}
    for path in paths:
        if os.path.realpath(path) in inputs:
            raise OutputError(
                f"'{path}' is a track and would be replaced by a stem",
                hint="choose another output folder",
            )


def _check_names(stems: Sequence[str]) -> None:
    for stem in stems:
        if not stem or stem.startswith(".") or any(mark in stem for mark in "/\\\0"):
            raise OutputError(f"stem name {stem!r} cannot be a file name")
    if not stems or len(set(stems)) != len(stems):
        raise OutputError(f"stem names must be distinct and at least one, got {list(stems)}")


def _check_file(path: Path, overwrite: bool) -> None:
    if path.is_dir() and not path.is_symlink():
        raise OutputError(f"'{path}' is a directory", hint="choose another output folder")
    if not overwrite and os.path.lexists(path):
        raise OutputError(
            f"'{path}' exists already",
            hint="add --overwrite to replace it, or choose another output folder",
        )


def _check_writable(folder: Path) -> None:
    nearest = _nearest(folder)
    if not nearest.is_dir():
        raise OutputError(
            f"cannot write to '{folder}': '{nearest}' is not a directory",
            hint="choose another output folder",
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write to '{folder}': no permission to write in '{nearest}'",
            hint="choose another output folder",
        )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the closest of its parents that exists, all links resolved."""
    place = Path(os.path.realpath(folder))
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    return place
