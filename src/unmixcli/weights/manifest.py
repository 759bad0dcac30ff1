"""The manifest: every model we know, where its weights are, and on what terms.

``weights_manifest.json`` lies at the top of the repository and inside the wheel.
A fact that nobody has published is ``null`` there, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unmixcli.errors import ConfigError, UnknownModelError
from unmixcli.schedule import Schedule

FILE_NAME = "weights_manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of weights.

    Attributes:
        kind: ``bundled`` with the package, or at a plain ``url``.
        path: File name inside the package, or the https address.
        format: ``native``, or a published format by name.
        size: Bytes; ``None`` where not published.
        sha256: Hash of the file, in hex; ``None`` where not published.
        sha256_prefix: Its first digits, where only those are.
    """

    kind: str
    path: str
    format: str
    size: int | None
    sha256: str | None
    sha256_prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """On what terms weights may be used.

    Attributes:
        spdx: SPDX identifier, ``not-stated`` or ``conflicting``.
        summary: In a few words, where the identifier does not say it.
        note: What the authors said, where that is not a plain licence.
        source: Where they said it.
    """

    spdx: str
    summary: str | None = None
    note: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """One model: a network, its weights, how to run it, and its terms.

    Attributes:
        name: What ``--model`` takes.
        summary: One line for people.
        architecture: A module of :mod:`unmixcli.models`.
        config: Its hyper-parameters.
        schedule: The published way to cut a track.
        files: Its weights.
        licence: Their terms.
        parameters: How many weights.
        paper: Where it was published.
        scores: Published scores and their protocol, by source.
    """

    name: str
    summary: str
    architecture: str
    config: Mapping[str, Any]
    schedule: Schedule
    files: tuple[WeightFile, ...]
    licence: Licence
    parameters: int
    paper: str | None
    scores: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all files; taken as float32 where not published."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else 4 * self.parameters

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ManifestEntry:
        """Build an entry from JSON values.

        Raises:
            ConfigError: A key is missing, unknown, or a value impossible.
        """
        try:
            return cls(
                **{
                    **{key: value for key, value in values.items() if key != "inference"},
                    "schedule": Schedule.from_json(values["inference"]),
                    "files": tuple(WeightFile(**file) for file in values["files"]),
                    "licence": Licence(**values["licence"]),
                }
            )
        except (KeyError, TypeError) as error:
            name = values.get("name", "?")
            raise ConfigError(f"invalid manifest entry '{name}': {error}") from error


def read(path: Path) -> dict[str, ManifestEntry]:
    """Read a manifest.

    Raises:
        ConfigError: It is not valid JSON of our schema.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = [ManifestEntry.from_json(values) for values in document["models"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"cannot read the manifest '{path}': {error}") from error
    return {entry.name: entry for entry in entries}


@cache
def models() -> dict[str, ManifestEntry]:
    """Return the entries of the manifest that came with the package."""
    package = Path(__file__).parent.parent
    inside = package / FILE_NAME
    # An editable install has it only at the top of the checkout.
    return read(inside if inside.is_file() else package.parent.parent / FILE_NAME)


def find(name: str) -> ManifestEntry:
    """Return the entry of that name.

    Raises:
        UnknownModelError: There is none; the error names the nearest.
    """
    entries = models()
    if name not in entries:
        raise UnknownModelError(name, known=tuple(entries))
    return entries[name]
