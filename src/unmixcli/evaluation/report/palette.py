"""Colours of plots, told apart by readers of every colour vision.

The systems' are those of Okabe & Ito 2008 without yellow and black, which one of the two
backgrounds swallows; a wine and a near-black or near-white take their places. Colour never carries
a name alone: each row says whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paint:
    """One role of a colour, on paper and in the dark.

    Attributes:
        name: Of the CSS variable by which a page overrides it.
        light: What files hold, as ``#rrggbb``; no two roles may share it.
        dark: What pages show in dark mode.
    """

    name: str
    light: str
    dark: str

    @property
    def css(self) -> str:
        """What stands for it in a page; the light one where no page defines it."""
        return f"var(--{self.name}, {self.light})"


PAPER = Paint("plot-paper", "#ffffff", "#14171c")
INK = Paint("plot-ink", "#1c2128", "#e7eaee")
QUIET = Paint("plot-quiet", "#57606b", "#a3abb5")
GRID = Paint("plot-grid", "#dfe3e8", "#2d333b")

SYSTEMS = tuple(
    Paint(f"system-{index}", light, dark)
    for index, (light, dark) in enumerate(
        (
            ("#0072b2", "#3f97dc"),
            ("#d55e00", "#e8742c"),
            ("#009e73", "#1fae86"),
            ("#cc79a7", "#e39ac6"),
            ("#e69f00", "#efc24a"),
            ("#56b4e9", "#8fd3ff"),
            ("#882255", "#a8478f"),
            ("#1a1a1a", "#f2f2f2"),
        )
    )
)

EVERY = (PAPER, INK, QUIET, GRID, *SYSTEMS)


def of_system(index: int) -> Paint:
    """Return the colour of a system; after the eighth they begin again."""
    return SYSTEMS[index % len(SYSTEMS)]
