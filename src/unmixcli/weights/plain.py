"""What a file says, before anything trusts it: plain values, and words for a message.

A value can be small in a file and endless to whoever shows, compares or counts it; a name
can hold line breaks, or lead out of a folder once it is a file's.
"""

from __future__ import annotations

import re
from math import isfinite
from numbers import Rational
from typing import Any

MOST_VALUES = 4096
DEEPEST = 16
LONGEST = 256
LARGEST = 1 << 63

RESERVED = r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))"
"""What Windows takes for a device, whatever follows a dot."""

SOURCE = re.compile(rf"{RESERVED}(?![. ])[^/\\:*?\"<>|]{{1,64}}(?<![. ])")


def brief(said: object, longest: int = LONGEST) -> str:
    """Return words about a file as one short line that any terminal can show."""
    text = str(said)
    text = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_source(name: Any) -> bool:
    """Say whether a source can have that name: its stem is a file of that name."""
    return isinstance(name, str) and name.isprintable() and bool(SOURCE.fullmatch(name))


def is_share(value: Any) -> bool:
    """Say whether a value can be a weight in a mean."""
    return type(value) in (int, float) and 0 <= value < LARGEST and isfinite(value)


def require_plain(values: Any) -> None:
    """Refuse all but numbers, short texts, and a few lists and dicts of them.

    Nothing is followed further than a hyper-parameter can need: what a pickle says can
    hold itself many times over.

    Raises:
        ValueError: It is something else, or too much.
    """
    left, row = MOST_VALUES, [(values, DEEPEST)]
    while row:
        value, depth = row.pop()
        if isinstance(value, dict | list | tuple):
            left -= len(value)
            if not depth or left < 0:
                raise ValueError("values that are too many, or nested too deeply")
            if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
                raise ValueError("a name that is no text")
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            row += [(item, depth - 1) for item in inner]
        elif not _is_plain(value):
            raise ValueError(f"a {type(value).__name__} that no network is made with")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    if isinstance(value, int):
        return abs(value) < LARGEST
    return value is None or isinstance(value, float | Rational)  # a Fraction, without its import
