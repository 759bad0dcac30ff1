"""What a table is to a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unmixcli.evaluation.report.wording import db
from unmixcli.evaluation.results import Kind, SystemResults


@dataclass(frozen=True)
class Cell:
    """A number as it is shown.

    Attributes:
        text: What it reads.
        best: Whether it is the best of its column.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """What a row is of, and its cells."""

    heads: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: What it says.
        heads: Above the heads of rows.
        columns: Above the cells.
        groups: Above the columns, each with how many it spans; may be empty.
        rows: From the top.
        names: Whether the columns are names that somebody gave, to be shown as they are.
    """

    caption: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()
    names: bool = False


def marked(systems: Sequence[SystemResults], rows: Sequence[Sequence[float]]) -> tuple[Row, ...]:
    """Make rows, and mark what is best in a column; oracles know the truth and do not compete."""
    entered = [index for index, system in enumerate(systems) if system.kind is not Kind.ORACLE]
    best = [_best(rows[index][column] for index in entered) for column in range(len(rows[0]))]
    return tuple(
        Row(
            (system.name,),
            tuple(
                Cell(db(value), best=len(entered) > 1 and index in entered and value == top)
                for value, top in zip(row, best, strict=True)
            ),
        )
        for index, (system, row) in enumerate(zip(systems, rows, strict=True))
    )


def _best(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)
