"""What decides the scores of a system on a track, in one hash: the same, the same scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unmixcli import __version__
from unmixcli.datasets.track import MIXTURE, DatasetTrack
from unmixcli.errors import UnmixError
from unmixcli.evaluation.options import Options

UNKNOWN = ""
"""Of a track whose files cannot be looked at; it is the hash of nothing that was kept."""


def fingerprint(
    track: DatasetTrack,
    files: Iterable[Path],
    *,
    about: Mapping[str, Any],
    options: Options,
    accompaniment: bool,
) -> str:
    """Return the hash.

    Files count by name, size and time of change, not by content, which would have to be read.
    Folders do not count, so that a data set can be moved; nor does a folder of estimates.

    Args:
        track: The track.
        files: Of its estimates.
        about: What else decides them.
        options: How they are scored.
        accompaniment: Whether the accompaniment is scored where nobody has a file of it.
    """
    try:
        parts = [part for source in (MIXTURE, *track.sources) for part in track.parts(source)]
        references = [_looked_at(part.path) for part in parts]
        estimates = [_looked_at(path) for path in files]
    except (OSError, UnmixError):
        return UNKNOWN
    facts = {
        "version": __version__,
        "track": track.name,
        "system": {key: value for key, value in about.items() if key != "folder"},
        "options": asdict(options),
        "accompaniment": accompaniment,
        "references": references,
        "streams": [(part.stream, part.sign) for part in parts],
        "sources": track.sources,
        "estimates": estimates,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _looked_at(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns
