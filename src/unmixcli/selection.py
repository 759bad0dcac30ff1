"""Which of a model's estimates become stems."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from unmixcli.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A choice of stems.

    Attributes:
        stems: Sources to keep, in this order; empty keeps all.
        two_stems: Keep this source and the mixture without it; empty is off.
    """

    stems: tuple[str, ...] = ()
    two_stems: str = ""

    def __post_init__(self) -> None:
        if self.stems and self.two_stems:
            raise UsageError(
                "choose stems or two stems, not both", hint="leave out --stem or --two-stems"
            )

    @property
    def complement(self) -> bool:
        """Whether the last stem is the mixture less the others."""
        return bool(self.two_stems)

    def names(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Return the stems' names, in order.

        Raises:
            UsageError: The model has no such source.
        """
        chosen = tuple(sources[row] for row in self.rows(sources))
        return (*chosen, complement_of(self.two_stems)) if self.complement else chosen

    def rows(self, sources: tuple[str, ...]) -> list[int]:
        """Return where the chosen sources are on the model's source axis.

        Raises:
            UsageError: The model has no such source.
        """
        wanted = (self.two_stems,) if self.two_stems else self.stems or sources
        for name in wanted:
            if name not in sources:
                near = get_close_matches(name, sources, n=1)
                hint = f"did you mean '{near[0]}'? " if near else ""
                raise UsageError(
                    f"the model has no source '{name}'",
                    hint=f"{hint}it has: {', '.join(sources)}",
                )
        return [sources.index(name) for name in dict.fromkeys(wanted)]


def complement_of(source: str) -> str:
    """Return the name of a mixture without one source."""
    return "accompaniment" if source == "vocals" else f"no_{source}"
