"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
import unicodedata

NOTHING = "\N{EN DASH}"
"""What stands where there is no number."""

_LONGEST = 34


def db(value: float) -> str:
    """Return decibels with two decimals.

    The minus is that of the keyboard, so that what is copied from a table stays a number.
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00")


def shown(name: str) -> str:
    """Return a name that any document can hold.

    Names come from folders, and those may hold what no text does: control characters, and bytes
    of another encoding, which Python keeps as lone surrogates.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _unprintable(char) else char for char in name)


def elided(name: str, longest: int = _LONGEST) -> str:
    """Return a name for a place of little room: its beginning and its end."""
    plain = shown(name)
    if len(plain) <= longest:
        return plain
    end = longest // 3
    return f"{plain[: longest - end - 1].rstrip()}…{plain[-end:].lstrip()}"


def slug(name: str) -> str:
    """Return what of a name every file system and every address holds; it may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40]


def _unprintable(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs") or char in "\ufffe\uffff"
