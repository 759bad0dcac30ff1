"""Which of a model's estimates become stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from unmixcli.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A choice of stems.

    Attributes:
        stems: Sources to keep, in this order; empty keeps all. One name is enough for one.
        two_stems: Keep this source and the mixture without it; ``None`` is off.
    """

    stems: Sequence[str] = ()
    two_stems: str | None = None

    def __post_init__(self) -> None:
        stems = (self.stems,) if isinstance(self.stems, str) else tuple(self.stems)
        object.__setattr__(self, "stems", stems)
        if self.stems and self.two_stems is not None:
            raise UsageError(
                "choose stems or two stems, not both", hint="leave out --stem or --two-stems"
            )

    @property
    def complement(self) -> bool:
        """Whether the last stem is the mixture less the others."""
        return self.two_stems is not None

    def names(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Return the stems' names, in order.

        Raises:
            UsageError: The model has no such source.
        """
        chosen = tuple(sources[row] for row in self.rows(sources))
        return chosen if self.two_stems is None else (*chosen, complement_of(self.two_stems))

    def rows(self, sources: tuple[str, ...]) -> list[int]:
        """Return where the chosen sources are on the model's source axis.

        Raises:
            UsageError: The model has no such source.
        """
        wanted = (self.stems or sources) if self.two_stems is None else (self.two_stems,)
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
