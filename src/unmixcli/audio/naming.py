"""From a track's file name to the name of its folder of stems."""

import hashlib
from pathlib import Path

LONGEST = 200
"""Bytes of a folder name; leaves room for a temporary one below the usual limit of 255."""

_UNNAMED = "track"
_ENCODING = ("utf-8", "surrogateescape")  # a name that is not UTF-8 keeps its bytes


def safe_name(path: Path) -> str:
    """Return a folder name that stays inside the folder it is put in.

    Spaces, Unicode, line breaks and undecodable bytes are kept. Leading dots go, so the
    result is neither hidden nor ``..``; separators of any system become underscores.

    Args:
        path: The track; only its last part is looked at.
    """
    name = path.stem.lstrip(".")
    name = name.replace("/", "_").replace("\\", "_").replace("\0", "_")
    return shorten(name, LONGEST) if name.strip() else _UNNAMED


def shorten(name: str, limit: int) -> str:
    """Return ``name``, cut to ``limit`` bytes with a hash of the whole if it is longer.

    The cut falls between characters, and two long names that begin alike stay apart.
    """
    encoded = name.encode(*_ENCODING)
    if len(encoded) <= limit:
        return name
    mark = "-" + hashlib.sha256(encoded).hexdigest()[:8]
    kept = 0
    room = limit - len(mark)
    for index, character in enumerate(name):
        room -= len(character.encode(*_ENCODING))
        if room < 0:
            break
        kept = index + 1
    return name[:kept] + mark
