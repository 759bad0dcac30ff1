"""What a manifest may say: nothing that leads elsewhere, or breaks those who read it later.

The shipped manifest is held against its schema by a test; any other, against this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unmixcli.errors import ConfigError
from unmixcli.weights.plain import LARGEST, RESERVED, brief

if TYPE_CHECKING:
    from unmixcli.weights.manifest import WeightFile

LONGEST_LINE = 1000
KINDS = ("bundled", "hub", "url", "manual", "imported")

BASENAME = re.compile(rf"{RESERVED}[A-Za-z0-9][A-Za-z0-9_.-]{{0,127}}(?<!\.)")
ADDRESS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9/._~%?=&+:@#-]{1,512}")
HUB_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
REVISION = re.compile(r"[0-9a-f]{7,40}")  # a commit: a branch is another tomorrow
HASHES = {
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "sha256_prefix": re.compile(r"[0-9a-f]{8,63}"),
    "sha512": re.compile(r"[0-9a-f]{128}"),
    "git_blob_sha1": re.compile(r"[0-9a-f]{40}"),
}


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_LINE


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < LARGEST


TYPES: dict[str, Callable[[Any], bool]] = {
    "str": _is_line,
    "str | None": lambda value: value is None or _is_line(value),
    "int": _is_count,
    "int | None": lambda value: value is None or _is_count(value),
    "tuple[str, ...]": lambda value: all(map(_is_line, value)),
    "Mapping[str, Any]": lambda value: isinstance(value, dict),
    "tuple[Mapping[str, Any], ...]": lambda value: all(isinstance(v, dict) for v in value),
}
"""What values the fields of each annotated type may have."""


def parse(text: bytes) -> Any:
    """Read JSON in which no key is there twice, and every number is one.

    Raises:
        ValueError: It is none.
    """
    return json.loads(text, object_pairs_hook=distinct, parse_constant=_no_number)


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict of pairs, each of whose keys is there once."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"'{key[:80]}' is there twice")
        found[key] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")


def listed(value: Any) -> list[Any]:
    """Return a list; Python would take a text for one, and a dict."""
    if not isinstance(value, list):
        raise TypeError(f"{brief(repr(value))} is no list")
    return value


def require_types(said: Any) -> None:
    """Refuse an object with values that JSON allows and its annotations do not.

    Raises:
        ConfigError: A text is no text, or more than a line; a number is none, or not positive.
    """
    for field in fields(said):
        value, fits = getattr(said, field.name), TYPES.get(str(field.type))
        if fits and not fits(value):
            raise ConfigError(f"{field.name} cannot be {brief(repr(value))}")


def require_file(file: WeightFile) -> None:
    """Refuse a file that could be another than it seems, or lie elsewhere.

    Raises:
        ConfigError: Its place, its name or a hash is none that a file can have.
    """
    require_types(file)
    if file.kind not in KINDS:
        raise ConfigError(f"files of kind '{file.kind}' are not known")
    if file.kind in ("url", "manual") and not ADDRESS.fullmatch(file.path):
        raise ConfigError(f"'{file.path}' is not a plain https address")
    if not BASENAME.fullmatch(name_of(file.path)):
        raise ConfigError(f"'{file.path}' does not end in a plain file name")
    if file.kind in ("bundled", "imported") and file.path != name_of(file.path):
        raise ConfigError(f"'{file.path}' is not a plain file name")
    if file.kind == "hub" and not _is_pinned(file):
        raise ConfigError(f"'{file.path}' on the hub has no repository or revision")
    if any(other.alternatives for other in file.alternatives):
        raise ConfigError(f"'{file.path}' has alternatives of alternatives")
    # What is shorter would be taken for the beginning of any hash.
    stated = {algorithm: getattr(file, algorithm) for algorithm in HASHES}
    if bad := [key for key, hash_ in stated.items() if hash_ and not HASHES[key].fullmatch(hash_)]:
        raise ConfigError(f"'{stated[bad[0]]}' is no {bad[0]}")


def name_of(path: str) -> str:
    """Return the last part of a path or an address."""
    return PurePosixPath(urlsplit(path).path).name


def _is_pinned(file: WeightFile) -> bool:
    parts = ((HUB_PATH, file.path), (REPO, file.repo), (REVISION, file.revision))
    return all(form.fullmatch(part or "") for form, part in parts)
