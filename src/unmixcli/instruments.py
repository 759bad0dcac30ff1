"""The instruments of chamber music, and the many names of each.

Thirteen, with the codes of the URMP dataset (Li, Liu, Dinesh, Duan & Sharma, "Creating a
Multitrack Classical Music Performance Dataset for Multimodal Music Analysis", IEEE
Transactions on Multimedia 21(2), 2019). Models say what they separate in codes, in names,
or in words of their own such as ``vocals``; a request is understood in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from unmixcli.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Instrument:
    """What players call one thing.

    Attributes:
        code: URMP's.
        name: The common one.
        aliases: Others, in scores and in other collections.
    """

    code: str
    name: str
    aliases: tuple[str, ...] = ()


INSTRUMENTS = (
    Instrument("bn", "bassoon", ("bsn", "fag", "fagott", "fagotto")),
    Instrument("cl", "clarinet", ("clar", "clarinetto")),
    Instrument("db", "double bass", ("cb", "contrabass", "contrabasso", "string bass")),
    Instrument("fl", "flute", ("flauto",)),
    Instrument("hn", "horn", ("french horn", "corno")),
    Instrument("ob", "oboe", ("hautbois",)),
    Instrument("sax", "saxophone", ("alto sax", "alto saxophone", "tenor sax", "tenor saxophone")),
    Instrument("tba", "tuba"),
    Instrument("tbn", "trombone", ("trb",)),
    Instrument("tpt", "trumpet", ("trp", "tromba")),
    Instrument("va", "viola", ("vla",)),
    Instrument("vc", "cello", ("vlc", "violoncello")),
    Instrument("vn", "violin", ("vln", "violino", "fiddle")),
)
"""In the order of URMP's codes."""


class NameBy(StrEnum):
    """What the stem of an instrument is called."""

    CODE = "code"
    NAME = "name"


def find(word: str) -> Instrument | None:
    """Return the instrument of a code or name, in whatever case, one or several of it.

    Players of a section are one source, so that ``violins``, ``vn2`` and ``Violin 1`` are
    all the violin.
    """
    plain = _plain(word)
    one = re.sub(r"( ?\d{1,2}| i{1,3})$", "", plain)
    known = (one, one.removesuffix("s"), one.removesuffix("es"))
    return next((_BY_WORD[form] for form in known if form in _BY_WORD), None)


def named(source: str, by: NameBy | None) -> str:
    """Return what the stem of a source is called.

    Args:
        source: As its model calls it.
        by: How an instrument is named; ``None`` keeps the model's word, as does a source
            that is no instrument.
    """
    instrument = find(source)
    if by is None or instrument is None:
        return source
    return instrument.code if by is NameBy.CODE else instrument.name.replace(" ", "_")


def resolve(request: str, known: Sequence[str], what: str = "instrument") -> str:
    """Return which of a model's words is meant.

    Args:
        request: A code or name, or one of the model's own words.
        known: The model's words for its labels or sources.
        what: What those are, for the error.

    Raises:
        UsageError: None is; the error names the nearest.
    """
    if request in known:
        return request
    wanted = _identity(request)
    for word in known:
        if _identity(word) == wanted:
            return word
    hint = nearest(request, _vocabulary(known))
    has = f"it has: {', '.join(map(described, known))}"
    raise UsageError(f"the model has no {what} '{request}'", hint=f"{hint} {has}" if hint else has)


def require_known(requests: Iterable[str], others: Iterable[str]) -> None:
    """Refuse a word that means nothing to any model, before one is chosen.

    Args:
        requests: Codes or names.
        others: What else models separate.

    Raises:
        UsageError: No instrument has that name; the error names the nearest.
    """
    words = sorted(set(others))
    known = {_identity(word) for word in words}
    for request in requests:
        if find(request) is None and _identity(request) not in known:
            hint = nearest(request, [*_BY_WORD, *words])
            raise UsageError(
                f"no instrument is called '{request}'",
                hint=hint or "see 'unmixcli instruments' for those that are known",
            )


def described(word: str) -> str:
    """Return a model's word with the instrument's common name, where that is another."""
    instrument = find(word)
    return word if instrument is None or instrument.name == word else f"{word} ({instrument.name})"


def _vocabulary(known: Sequence[str]) -> list[str]:
    """Return every word that means one of a model's."""
    words = list(known)
    for instrument in filter(None, map(find, known)):
        words += [instrument.code, instrument.name, *instrument.aliases]
    return words


def _identity(word: str) -> str:
    """Return the same for all words of one meaning."""
    instrument = find(word)
    return instrument.code if instrument else _plain(word)


def _plain(word: str) -> str:
    return re.sub(r"[\s_.-]+", " ", word.casefold()).strip()


_BY_WORD = {
    word: instrument
    for instrument in INSTRUMENTS
    for word in (instrument.code, instrument.name, *instrument.aliases)
}
