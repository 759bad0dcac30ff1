"""Which of a model's estimates become stems, and what the model is told to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unmixcli.errors import ConfigError, UsageError
from unmixcli.instruments import NameBy, described, find, named, resolve
from unmixcli.network import require_range

RESIDUAL = "residual"
"""The stem that is what all others leave of the mixture."""

THRESHOLD, QUIETEST = -30.0, -200.0
"""In dB of the mixture. The authors of the Exp-Wave-U-Net write of an energy threshold and
give no value: this one is ours. What networks leave in the stem of an instrument that is
absent is mostly below it, and what plays softly in a quintet is mostly not."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a selection means to one model.

    Attributes:
        rows: Of each estimate that becomes a stem, its row on the model's source axis.
        names: What those stems are called.
        rest: Name of one stem more, what they leave of the mixture; ``None`` is none.
        instruments: What was asked for, in the model's words.
        labels: What the model is told: 1 what sounds, 0 what does not; ``None`` is nothing.
        merged: Words that were asked for and mean the same, by the model's word.
        threshold: Level below which a stem is left out, in dB of the mixture.
    """

    rows: tuple[int, ...]
    names: tuple[str, ...]
    rest: str | None = None
    instruments: tuple[str, ...] = ()
    labels: Mapping[str, float] | None = None
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of all that may be written, in order."""
        return self.names if self.rest is None else (*self.names, self.rest)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A choice of stems.

    A model that takes labels is told the instruments, and gives a stem for each;
    ``stems`` and ``two_stems`` then say which of its stems to keep, whatever it was told.
    Of any other model the instruments are a choice among what it separates.

    Attributes:
        stems: Sources to keep, in this order; empty keeps all. One name is enough for one.
        two_stems: Keep this source and the mixture without it; ``None`` is off.
        instruments: What sounds, or what is wanted: codes (``vn``), common names
            (``violin``), or the model's own words, in any order. Several of one are one.
        name_by: What stems of instruments are called; ``None`` is the model's own words.
        residual: Add a stem of what the others leave of the mixture.
        activity_threshold: Leave out sources whose energy over the track is so many dB
            below the mixture's, but never all: the loudest is kept. ``None`` is -30 where a
            model takes no labels and separates instruments only, as the Exp-Wave-U-Net
            does, and nothing is chosen; for any other it is off.

    Raises:
        UsageError: Two of them contradict each other.
        ConfigError: The threshold is beyond -200 to 0, or there is no such name.
    """

    stems: Sequence[str] = ()
    two_stems: str | None = None
    instruments: Sequence[str] = ()
    name_by: NameBy | None = None
    residual: bool = False
    activity_threshold: float | None = None

    def __post_init__(self) -> None:
        for name in ("stems", "instruments"):
            given = getattr(self, name)
            words = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, name, words)
        if self.name_by is not None:
            if self.name_by not in list(NameBy):
                raise ConfigError(f"name_by must be code or name, got {self.name_by!r}")
            object.__setattr__(self, "name_by", NameBy(self.name_by))
        if self.stems and self.two_stems is not None:
            raise UsageError(
                "choose stems or two stems, not both", hint="leave out --stem or --two-stems"
            )
        if self.residual and self.two_stems is not None:
            raise UsageError(
                "two stems leave no residual: they sum to the mixture",
                hint="leave out --residual or --two-stems",
            )
        if self.activity_threshold is not None:
            require_range("activity_threshold", self.activity_threshold, QUIETEST, 0)
            if self.instruments or self._narrowed:
                raise UsageError(
                    "an activity threshold chooses among all stems, not among those asked for",
                    hint="leave out --activity-threshold, or --instruments and --stem",
                )

    @property
    def _narrowed(self) -> bool:
        return bool(self.stems) or self.two_stems is not None

    def of(self, sources: tuple[str, ...], labels: tuple[str, ...] = ()) -> Chosen:
        """Return what this means to a model.

        Args:
            sources: What it separates, in order.
            labels: What it can be told, in order; empty for a model that takes no labels.

        Raises:
            UsageError: The model has no such source or instrument, or lacks its labels.
        """
        self._require_sense(labels)
        merged: dict[str, list[str]] = {}
        for request in self.instruments:
            merged.setdefault(resolve(request, labels or sources), []).append(request)
        wanted = self._wanted(sources, labels, list(merged))
        names = tuple(named(source, self.name_by) for source in wanted)
        return Chosen(
            rows=tuple(sources.index(source) for source in wanted),
            names=names,
            rest=self._rest(names),
            instruments=tuple(merged),
            labels={label: float(label in merged) for label in labels} if labels else None,
            merged={word: tuple(asked) for word, asked in merged.items() if len(asked) > 1},
            threshold=self._threshold(sources, labels),
        )

    def _require_sense(self, labels: tuple[str, ...]) -> None:
        if labels and not self.instruments:
            raise UsageError(
                "this model must be told which instruments sound",
                hint=f"name them with --instruments: {', '.join(map(described, labels))}",
            )
        if self.instruments and self._narrowed and not labels:
            raise UsageError(
                "choose instruments or stems, not both: this model takes no labels",
                hint="leave out --instruments, or --stem and --two-stems",
            )

    def _wanted(
        self, sources: tuple[str, ...], labels: tuple[str, ...], asked: list[str]
    ) -> tuple[str, ...]:
        """Return the sources that become stems, each once."""
        if self._narrowed:
            words = self.stems if self.two_stems is None else (self.two_stems,)
            return tuple(dict.fromkeys(resolve(word, sources, "source") for word in words))
        if not labels:
            return tuple(asked) or sources
        try:
            return tuple(resolve(label, sources, "source") for label in asked)
        except UsageError as error:
            raise UsageError(
                f"{error}, which is only a label of it",
                hint=f"say with --stem which sources to write: {', '.join(sources)}",
            ) from error

    def _rest(self, names: tuple[str, ...]) -> str | None:
        if self.two_stems is not None:
            return complement_of(names[0])
        if self.residual and RESIDUAL in names:
            raise UsageError(f"the model has a source '{RESIDUAL}'", hint="leave out --residual")
        return RESIDUAL if self.residual else None

    def _threshold(self, sources: tuple[str, ...], labels: tuple[str, ...]) -> float | None:
        if self.activity_threshold is not None:
            return self.activity_threshold
        free = not (labels or self.instruments or self._narrowed)
        return THRESHOLD if free and all(map(find, sources)) else None


def complement_of(source: str) -> str:
    """Return the name of a mixture without one source."""
    return "accompaniment" if source == "vocals" else f"no_{source}"
