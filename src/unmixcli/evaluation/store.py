"""The folder of an evaluation: what is where in it, and who may write to it.

::

    <folder>/<system>/<split>/<track>.json           in museval's schema
    <folder>/<system>/scores/<split>/<track>.json    all that is known, written last
    <folder>/<system>/stems/<split>/<track>/         estimates, where they are kept
    <folder>/references/<split>/<track>/             mixture and references, likewise
    <folder>/summary.json, summary.csv, summary.md, frames.csv

``<split>`` is left out where a data set has none. Tools that read museval's files look in
the folder of a system for ``test/**/*.json``, and so find nothing that is not theirs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmixcli import __version__
from unmixcli.durable import unwritable, write_text
from unmixcli.errors import DatasetError, UsageError
from unmixcli.evaluation.museval_json import dump_museval
from unmixcli.evaluation.score_json import load_json, to_json
from unmixcli.evaluation.scores import TrackScores

if sys.platform != "win32":
    import fcntl

SCHEMA = 1
REFERENCES, SUMMARY = "references", "summary.json"
RESERVED = (REFERENCES, "report", "plots", "audio", "assets")
"""Folders that no system's name can take."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the results of one system on one track are.

    Attributes:
        system: Folder of the system.
        folder: Of the split below it; empty where there is none.
        file: Name of the track, as files have it.
        references: Folder of the signals that are no system's.
    """

    system: Path
    folder: str
    file: str
    references: Path

    @property
    def museval(self) -> Path:
        """Scores in museval's schema."""
        return self.system / self.folder / f"{self.file}.json"

    @property
    def scores(self) -> Path:
        """Scores in full."""
        return self.system / "scores" / self.folder / f"{self.file}.json"

    @property
    def stems(self) -> Path:
        """The estimates."""
        return self.system / "stems" / self.folder / self.file


@contextmanager
def held(folder: Path, *, anew: bool) -> Iterator[None]:
    """Make the folder of an evaluation, and keep other processes out of it for a while.

    Args:
        folder: The folder.
        anew: Whether there must be no results in it.

    Raises:
        UsageError: There are results, or another process is at work in it.
        OutputError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _lock(descriptor, folder)
        if anew and (any(folder.glob("*/scores/**/*.json")) or (folder / SUMMARY).exists()):
            raise UsageError(
                f"'{folder}' holds results already",
                hint="add --resume to keep those made with the same settings, --overwrite to "
                "replace them, or choose another --output",
            )
        yield
    finally:
        os.close(descriptor)  # the lock goes with it, also where a process is killed


def save(place: Place, scores: TrackScores, *, system: str, settings: str) -> None:
    """Keep the scores of a track; whoever finds the full ones finds both files whole.

    Args:
        place: Where.
        scores: What.
        system: Whose they are.
        settings: Hash of all that decides them.

    Raises:
        OutputError: They cannot be written.
    """
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "system": system,
        "settings": settings,
        "scores": to_json(scores),
    }
    write_text(place.museval, dump_museval(scores))
    write_text(place.scores, json.dumps(document, indent=1, allow_nan=False))


def load(place: Place, settings: str) -> TrackScores | None:
    """Return scores that were kept; ``None`` where there are none.

    Args:
        place: Where they may be.
        settings: Hash of all that would decide them now.

    Raises:
        DatasetError: There are some, but of other settings, or damaged; it says which.
    """
    try:
        given = json.loads(place.scores.read_text(encoding="utf-8"))
        if given["settings"] != settings:
            raise DatasetError("made with other settings, of other files, or by another version")
        scores = _scores(given)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DatasetError("damaged") from error
    text = dump_museval(scores)
    if _text(place.museval) != text:
        write_text(place.museval, text)
    return scores


def remove(place: Place) -> None:
    """Remove scores that hold no longer, the full ones first.

    Raises:
        OutputError: They cannot be removed.
    """
    for path in (place.scores, place.museval):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error


def scores_in(system: Path) -> Iterator[Path]:
    """Yield the files of full scores of a system."""
    return system.glob("scores/**/*.json")


def as_json(document: dict[str, Any]) -> str:
    """Return a document as the text of a file."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _scores(given: Any) -> TrackScores:
    try:
        return load_json(json.dumps(given["scores"]), "scores")
    except DatasetError as error:
        raise ValueError(str(error)) from error


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _lock(descriptor: int, folder: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"another process is evaluating into '{folder}'",
            hint="wait for it, or choose another --output",
        ) from error
    except OSError:  # a file system without locks
        return
