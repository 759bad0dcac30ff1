"""Which models a list is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unmixcli.errors import UsageError, nearest
from unmixcli.weights.manifest import ManifestEntry
from unmixcli.weights.registry import architectures

PERMISSIVE = "permissive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a model must be to be listed; what is empty or ``None`` asks for nothing.

    Attributes:
        sources: It separates all of these.
        licence: SPDX identifier of its weights' terms, or ``permissive``.
        architecture: Kind of network.
    """

    sources: Sequence[str] = ()
    licence: str | None = None
    architecture: str | None = None

    def of(self, entries: Iterable[ManifestEntry]) -> list[ManifestEntry]:
        """Return the models that are meant.

        Raises:
            UsageError: None has such a source, licence or architecture.
        """
        chosen = list(entries)
        for test in (self._sources(chosen), self._licence(chosen), self._architecture(chosen)):
            chosen = [entry for entry in chosen if entry.name in test]
        return chosen

    def _sources(self, entries: list[ManifestEntry]) -> set[str]:
        known = {source for entry in entries for source in entry.sources}
        wanted = {_known("source", source, known) for source in self.sources}
        return {entry.name for entry in entries if wanted <= set(entry.sources)}

    def _licence(self, entries: list[ManifestEntry]) -> set[str]:
        if self.licence is None:
            return {entry.name for entry in entries}
        known = {PERMISSIVE, *(entry.licence.spdx for entry in entries)}
        wanted = _known("licence", self.licence, known)
        if wanted == PERMISSIVE:
            return {entry.name for entry in entries if entry.licence.permissive}
        return {entry.name for entry in entries if entry.licence.spdx == wanted}

    def _architecture(self, entries: list[ManifestEntry]) -> set[str]:
        if self.architecture is None:
            return {entry.name for entry in entries}
        listed = {entry.architecture for entry in entries if entry.architecture}
        wanted = _known("architecture", self.architecture, listed.union(architectures()))
        return {entry.name for entry in entries if entry.architecture == wanted}


def _known(what: str, word: str, known: set[str]) -> str:
    """Return a word as the manifest writes it.

    Raises:
        UsageError: It is not there.
    """
    folded = {other.casefold(): other for other in known}
    if word.casefold() in folded:
        return folded[word.casefold()]
    hint = nearest(word, known) or f"known are: {', '.join(sorted(known))}"
    raise UsageError(f"no model has the {what} '{word}'", hint=hint)
