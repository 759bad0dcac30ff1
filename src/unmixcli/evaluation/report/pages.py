"""From templates to pages that hold all they need."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from unmixcli.evaluation.report.palette import EVERY
from unmixcli.evaluation.report.wording import shown

_TEMPLATES = Path(__file__).with_name("pages")


def page(name: str, **context: Any) -> str:
    """Return the text of a page.

    Args:
        name: Of its template and of its script, without endings.
        **context: What the template shows. Text is escaped, and what no document can hold is
            replaced.
    """
    script = _read(f"{name}.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(f"{name}.html.jinja")
        .render(
            style=trusted(_read("page.css") + _colours()),
            script=trusted(script),
            script_hash=digest,
            **context,
        )
    )


def trusted(markup: str) -> Markup:
    """Let markup into a page as it is; only for what we made, with names escaped in it."""
    return Markup(markup)


def flattened(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Return plain JSON values as pairs of a label and a text, without those that are not set."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        label = f"{above}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            pairs += flattened(value, f"{label}: ")
        elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            numbered = {f"{index}": one for index, one in enumerate(value, start=1)}
            pairs += flattened(numbered, f"{label} ")
        elif value is not None and value not in ([], ()):
            pairs.append((label, _text(value)))
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _colours() -> str:
    """Return the colours of plots as variables, for either background."""
    light, dark = (
        "".join(f"--{paint.name}:{getattr(paint, mode)};" for paint in EVERY)
        for mode in ("light", "dark")
    )
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _clean(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
