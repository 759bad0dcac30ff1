"""What ``unmixcli models list`` says of a model, in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unmixcli.cli.output import Column, Printer
from unmixcli.weights import cache, support
from unmixcli.weights.licence import Licence
from unmixcli.weights.manifest import ManifestEntry, WeightFile

COLUMNS = [
    Column("name"),
    Column("sources", wraps=True),
    Column("size", number=True),
    Column("licence", wraps=True),
    Column("runs"),
    Column("here"),
    Column("kHz", number=True),
    Column("dB", number=True),
]
NARROW = 6
"""How many of them there is room for on every terminal."""
WIDE = 105
"""Characters of a line that all of them take."""
USUAL = ("drums", "bass", "other", "vocals")
SHORT = "4 stems"
"""What the usual sources are called in a table."""
UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One published number of a model.

    Attributes:
        of: The source, or ``all`` for the mean over the sources.
        value: As published.
        protocol: How it was measured; different protocols do not compare.
        source: Where it was published.
    """

    of: str
    value: float
    protocol: str
    source: str | None

    @classmethod
    def choose(cls, entry: ManifestEntry) -> Score | None:
        """Return the mean over the sources or else the vocals, if either was published."""
        for of in ("all", "vocals"):
            for score in entry.scores:
                if of in score["values"]:
                    value, source = score["values"][of], score.get("source")
                    return cls(of=of, value=value, protocol=score["protocol"], source=source)
        return None

    @property
    def note(self) -> str:
        """What the number is, for people."""
        return f"{'mean of the sources' if self.of == 'all' else self.of}: {self.protocol}"

    def as_dict(self) -> dict[str, Any]:
        """Return the score as plain JSON values."""
        return {
            "of": self.of,
            "value": self.value,
            "protocol": self.protocol,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model, as far as one chooses by it.

    Attributes:
        size: Bytes to download; ``None`` where nobody knows.
        estimated: Whether they follow from the number of weights.
        runnable: Whether this version can run it.
        downloaded: Whether all its files are on this computer.
    """

    name: str
    sources: tuple[str, ...]
    sample_rate: int
    size: int | None
    estimated: bool
    licence: Licence
    score: Score | None
    runnable: bool
    downloaded: bool

    @classmethod
    def of(cls, entry: ManifestEntry) -> Row:
        """Look at a model, and whether it is here."""
        size, estimated = size_of(entry)
        return cls(
            name=entry.name,
            sources=entry.sources,
            sample_rate=entry.sample_rate,
            size=size,
            estimated=estimated,
            licence=entry.licence,
            score=Score.choose(entry),
            runnable=support.runnable(entry),
            downloaded=cache.downloaded(entry),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        return {
            "name": self.name,
            "sources": list(self.sources),
            "sample_rate": self.sample_rate,
            "size": self.size,
            "size_estimated": self.estimated,
            "licence": {"spdx": self.licence.spdx, "permissive": self.licence.permissive},
            "score": self.score and self.score.as_dict(),
            "runnable": self.runnable,
            "downloaded": self.downloaded,
        }

    def fields(self) -> list[str]:
        """Return the row for a pipe; their order is a promise."""
        score = self.score
        return [
            self.name,
            ",".join(self.sources),
            str(self.sample_rate),
            _about(self.estimated, UNKNOWN if self.size is None else str(self.size)),
            self.licence.spdx,
            "permissive" if self.licence.permissive else UNKNOWN,
            f"{score.of}={score.value}" if score else UNKNOWN,
            score.protocol if score else UNKNOWN,
            "runnable" if self.runnable else UNKNOWN,
            "downloaded" if self.downloaded else UNKNOWN,
        ]

    def cells(self, notes: list[str]) -> list[str]:
        """Return the row for a terminal, its score with the number of its note."""
        size = UNKNOWN if self.size is None else _bytes(self.size)
        score = self.score
        return [
            self.name,
            " ".join(_shortened(self.sources)),
            _about(self.estimated, size),
            self.licence.spdx,
            "yes" if self.runnable else UNKNOWN,
            "yes" if self.downloaded else UNKNOWN,
            f"{self.sample_rate / 1000:g}",
            f"{score.value} [{notes.index(score.note) + 1}]" if score else "",
        ]


def _shortened(sources: tuple[str, ...]) -> list[str]:
    if not set(USUAL) <= set(sources):
        return list(sources)
    return [SHORT, *(source for source in sources if source not in USUAL)]


def size_of(entry: ManifestEntry) -> tuple[int | None, bool]:
    """Return the bytes of a model, and whether they are an estimate."""
    known = all(file.size is not None for file in entry.files)
    # What has fewer bits for a weight has no size that follows from their number.
    if not known and any(_smaller(file) for file in entry.files):
        return None, False
    return entry.size, entry.size is not None and not known


def _smaller(file: WeightFile) -> bool:
    return file.format == "demucs-v2-diffq" or file.name.endswith(".gz")


def _bytes(size: int) -> str:
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def _about(estimated: bool, text: str) -> str:
    return f"~{text}" if estimated else text


def ordered(entries: list[ManifestEntry]) -> list[Row]:
    """Return the models' rows, those that run first, then by name."""
    return sorted(map(Row.of, entries), key=lambda row: (not row.runnable, row.name))


def show(printer: Printer, rows: list[Row]) -> None:
    """Print a table on a terminal, a line of fields for each model on a pipe."""
    if not printer.on_terminal:
        printer.fields([row.fields() for row in rows])
        return
    if rows:
        _draw(printer, rows)


def _draw(printer: Printer, rows: list[Row]) -> None:
    wide = printer.width >= WIDE
    notes = list(dict.fromkeys(row.score.note for row in rows if row.score))
    columns = COLUMNS if wide else COLUMNS[:NARROW]
    cells = [row.cells(notes)[: len(columns)] for row in rows]
    printer.table(columns, cells, dim=[not row.runnable for row in rows])
    if any(set(USUAL) <= set(row.sources) for row in rows):
        printer.lines(["", f"{SHORT}: {', '.join(USUAL)}"])
    if not wide:
        printer.lines(["", f"On a terminal of {WIDE} columns there are rates and scores, too."])
    elif notes:
        printer.lines(["", "dB, as published; numbers with different notes do not compare:"])
        printer.lines([f"[{number}] {note}" for number, note in enumerate(notes, 1)])
