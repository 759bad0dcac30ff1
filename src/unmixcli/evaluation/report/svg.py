"""Figures as SVG: the same bytes each time, as a file and as a part of a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape

import matplotlib
import matplotlib.style
from matplotlib.figure import Figure

from unmixcli.evaluation.report.palette import EVERY, GRID, INK, PAPER, QUIET

_FONT = "DejaVu Sans"  # comes with matplotlib, so that layouts are the same everywhere
_STYLE = {
    "svg.fonttype": "none",  # text stays text: small, searchable, and in the page's font
    "svg.hashsalt": "unmixcli",  # identifiers are random without it
    "font.sans-serif": [_FONT],
    "font.size": 9.0,
    "text.color": INK.light,
    "text.parse_math": False,  # a track may be called "$a$"
    "axes.edgecolor": GRID.light,
    "axes.facecolor": PAPER.light,
    "axes.labelcolor": QUIET.light,
    "axes.titlecolor": INK.light,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": GRID.light,
    "grid.linewidth": 0.7,
    "xtick.color": GRID.light,
    "xtick.labelcolor": QUIET.light,
    "ytick.color": GRID.light,
    "ytick.labelcolor": INK.light,
    "ytick.major.size": 0.0,
    "figure.facecolor": PAPER.light,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def render(draw: Callable[[], Figure]) -> str:
    """Return the SVG file of a figure.

    Neither the settings of the user's matplotlib come in nor do ours get out. They are global
    while a figure is drawn, so that this is not for several threads.

    Args:
        draw: Makes the figure; it is called with our settings in force.
    """
    text = io.StringIO()
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # Whoever reads the file has fonts for a name that the one for measuring has no glyphs of.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        draw().savefig(text, format="svg", metadata=_NO_METADATA)
    return text.getvalue()


def inlined(file: str, name: str, alt: str) -> str:
    """Turn an SVG file into markup for a page.

    It loses its background and gets the page's font and colours, and identifiers that are
    its own in the page.

    Args:
        file: What :func:`render` returned.
        name: Begins its identifiers; letters, digits and hyphens.
        alt: What it shows, for those who do not see it.
    """
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', file)
    assert box is not None
    body = file[file.index(">", box.end()) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="patch_1">.*?</g>', "", body, count=1, flags=re.DOTALL)  # background
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    # Tags only: what a name says between them is none of our business.
    body = re.sub(r"<[^>]+>", lambda found: _adopted(found[0], name, used), body)
    width, height = box.groups()
    return (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width} {height}" '
        f'style="--plot-width: {float(width):.0f}">{body.strip()}'
    )


def _adopted(tag: str, name: str, used: set[str]) -> str:
    """Make a tag one of the page's: prefix identifiers that are used, and drop the others."""

    def identifier(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    tag = re.sub(r' id="([^"]*)"', identifier, tag)
    tag = re.sub(r'(url\(|href=")#', rf"\g<1>#{name}-", tag).replace("xlink:href", "href")
    tag = tag.replace(f"'{_FONT}', sans-serif", "var(--plot-font)")
    for paint in EVERY:
        tag = tag.replace(paint.light, paint.css)
    return tag
