"""What others call the stems of a track, and what may be a file's name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from unmixcli.audio.naming import LONGEST, safe_name, shorten
from unmixcli.datasets.folder import folded
from unmixcli.datasets.track import ACCOMPANIMENT, DatasetTrack
from unmixcli.instruments import find


def matched(track: DatasetTrack, stems: Sequence[str]) -> dict[str, str]:
    """Return what a track calls the stems of a system.

    Names are the same whatever their case; those of instruments also where one is a code and
    the other a word, as ``vn`` and ``violin``.

    Args:
        track: The track.
        stems: In the system's words; those that the track knows nothing of keep them.
    """
    own = {folded(source): source for source in (*track.sources, ACCOMPANIMENT)}
    codes = {known.code: source for source in track.sources if (known := find(source))}
    names: dict[str, str] = {}
    for stem in stems:
        instrument = find(stem)
        name = own.get(folded(stem)) or (codes.get(instrument.code) if instrument else None)
        names[stem] = stem if name is None or name in names.values() else name
    return names


def file_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """Return names that stay inside the folder that they are put in, each another.

    Args:
        names: Such as those of tracks; each once.
        reserved: Names in that folder that are taken.
    """
    wanted = {name: safe_name(Path(f"{name.replace('/', '_')}.wav")) for name in names}
    taken = Counter(folded(name) for name in (*wanted.values(), *reserved))
    return {
        name: safe if taken[folded(safe)] == 1 else _marked(safe, name)
        for name, safe in wanted.items()
    }


def _marked(safe: str, name: str) -> str:
    mark = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{shorten(safe, LONGEST - len(mark) - 1)}-{mark}"
