"""The manifest: every model we know, where its weights are, and on what terms.

``weights_manifest.json`` lies at the top of the repository and inside the wheel;
``UNMIXCLI_MANIFEST`` names another, such as that of a collection of one's own.
A fact that nobody has published is ``null`` there, never a guess.
``weights_manifest.schema.json`` describes it; what could do harm is checked here too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.schedule import Schedule
from unmixcli.weights.licence import Licence
from unmixcli.weights.manifest_checks import (
    distinct,
    listed,
    name_of,
    parse,
    require_file,
    require_types,
)
from unmixcli.weights.plain import RESERVED, brief, is_share, is_source

FILE_NAME = "weights_manifest.json"
VARIABLE = "UNMIXCLI_MANIFEST"
LARGEST = 1 << 20
NAME = re.compile(rf"{RESERVED}[a-z0-9][a-z0-9_.-]{{0,63}}(?<!\.)")
ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
PURPOSES = ("stems", "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of weights.

    Attributes:
        kind: ``bundled`` with the package, on the ``hub``, at a ``url``, ``manual``: to
            be fetched by hand and imported, or already ``imported``.
        path: Name in the package, path in the hub's repository, or https address.
        format: ``native``, or a published format by name.
        repo: Repository on the hub.
        revision: Its pinned revision.
        part: Which part of the network it holds, where that has several files.
        size: Bytes; ``None`` where not published, as are the hashes.
        sha256: Hash of the file, in hex.
        sha256_prefix: Its first digits, where only those are published.
        sha512: Another hash of the file.
        git_blob_sha1: What git calls the file.
        alternatives: The same weights elsewhere or in another format.
    """

    kind: str
    path: str
    format: str
    repo: str | None = None
    revision: str | None = None
    part: str | None = None
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    sha512: str | None = None
    git_blob_sha1: str | None = None
    alternatives: tuple[WeightFile, ...] = ()

    def __post_init__(self) -> None:
        require_file(self)

    @property
    def name(self) -> str:
        """What it is called in the cache and in a mirror."""
        return name_of(self.path)

    @property
    def address(self) -> str:
        """Where people find it."""
        if self.kind != "hub":
            return self.path
        return f"https://huggingface.co/{self.repo}/resolve/{self.revision}/{self.path}"

    @property
    def hashes(self) -> dict[str, str]:
        """What is published to tell the file from any other, by algorithm."""
        known = {
            "sha256": self.sha256 or self.sha256_prefix,
            "sha512": self.sha512,
            "git_blob_sha1": self.git_blob_sha1,
        }
        return {algorithm: value for algorithm, value in known.items() if value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> WeightFile:
        """Build a file from JSON values."""
        others = tuple(cls.from_json(other) for other in values.get("alternatives") or ())
        return cls(**{**values, "alternatives": others})


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructor:
    """What the authors' code calls to make a network.

    Attributes:
        system: Generation of their code, see :mod:`unmixcli.weights.published`.
        name: Qualified class name.
        options: Keyword arguments.
    """

    system: str
    name: str
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        require_types(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network of a model; most models have one.

    Attributes:
        files: Its weights.
        constructor: What makes it; ``None`` where its file says so.
        shares: Weight of each of its sources in the mean; ``None`` is 1 for all.
    """

    files: tuple[WeightFile, ...]
    constructor: Constructor | None = None
    shares: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.files or not all(map(is_share, self.shares or ())):
            raise ConfigError("a network has no files, or no possible shares")

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Member:
        """Build a member from JSON values."""
        call, shares = values["constructor"], values["shares"]
        return cls(
            files=tuple(WeightFile.from_json(file) for file in listed(values["files"])),
            constructor=None
            if call is None
            else Constructor(system=call["system"], name=call["class"], options=call["options"]),
            shares=None if shares is None else tuple(listed(shares)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """One model: its networks, their weights, how to run them, and the terms.

    Attributes:
        name: What ``--model`` takes.
        aliases: What else it takes: names that other programs gave it.
        summary: One line for people.
        architecture: A module of :mod:`unmixcli.models`, or what will be one.
        sources: What it separates, in order.
        sample_rate: In Hz.
        channels: Audio channels it reads.
        schedule: The published way to cut a track.
        members: Its networks.
        parameters: How many weights each has.
        licence: Terms of the weights.
        training: On what data, and whether MUSDB18's test set was among them.
        paper: Where it was published.
        scores: Published scores, each with its protocol and source.
        default_for: What it is taken for where none is named: ``stems``, or ``labels``,
            which are given with ``--instruments``; ``None`` is nothing.
    """

    name: str
    aliases: tuple[str, ...] = ()
    summary: str
    architecture: str | None
    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    schedule: Schedule | None
    members: tuple[Member, ...]
    parameters: int | None
    licence: Licence
    training: Mapping[str, Any]
    paper: str | None
    scores: tuple[Mapping[str, Any], ...] = ()
    default_for: str | None = None

    def __post_init__(self) -> None:
        require_types(self)
        if not NAME.fullmatch(self.name):
            raise ConfigError(f"'{self.name[:80]}' is not a name that a model can have")
        if not self.members or not self.sources or not all(map(is_source, self.sources)):
            raise ConfigError("it has no networks, no sources, or some that cannot be files")
        for alias in self.aliases:
            if not ALIAS.fullmatch(alias):
                raise ConfigError(f"'{alias[:80]}' is not an alias that a model can have")
        if self.default_for not in (None, *PURPOSES):
            raise ConfigError(f"no model is taken for '{self.default_for!s:.80}'")

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """Its files, without those that only repeat one."""
        return tuple(file for member in self.members for file in member.files)

    @property
    def size(self) -> int | None:
        """Bytes of all files; taken as float32 where not published."""
        sizes = [file.size for file in self.files if file.size is not None]
        if len(sizes) == len(self.files):
            return sum(sizes)
        return self.parameters and 4 * self.parameters * len(self.members)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ManifestEntry:
        """Build an entry from JSON values.

        Raises:
            ConfigError: A key is missing, unknown, or a value impossible.
        """
        name = brief(values.get("name", "?"), 80)
        schedule = values.get("inference")
        rest = {key: value for key, value in values.items() if key != "inference"}
        try:
            return cls(
                **{
                    **rest,
                    "aliases": tuple(listed(values["aliases"])),
                    "sources": tuple(listed(values["sources"])),
                    "schedule": Schedule.from_json(schedule) if schedule else None,
                    "members": tuple(map(Member.from_json, listed(values["members"]))),
                    "licence": Licence(**values["licence"]),
                    "scores": tuple(listed(values["scores"])),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            raise ConfigError(f"invalid manifest entry '{name}': {brief(error)}") from error


def read(path: Path) -> dict[str, ManifestEntry]:
    """Read a manifest.

    Raises:
        ConfigError: It is too large, or not valid JSON of our schema.
    """
    try:
        with path.open("rb") as file:  # what its size says need not be all there is
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ConfigError(f"the manifest '{path}' is larger than {LARGEST} bytes")
        models = listed(parse(text)["models"])
        entries = [ManifestEntry.from_json(values) for values in models]
        distinct([(name.casefold(), entry) for entry, name in _names(entries)])
        distinct([(f"default_for {e.default_for}", e) for e in entries if e.default_for])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"cannot read the manifest '{path}': {brief(error)}") from error
    return {entry.name: entry for entry in entries}


def _names(entries: list[ManifestEntry]) -> Iterator[tuple[ManifestEntry, str]]:
    for entry in entries:
        for name in (entry.name, *entry.aliases):
            yield entry, name


def models() -> dict[str, ManifestEntry]:
    """Return the entries of the manifest, by name."""
    if named := os.environ.get(VARIABLE):
        return _read_once(Path(named))
    package = Path(__file__).parent.parent
    inside = package / FILE_NAME
    # An editable install has it only at the top of the checkout.
    return _read_once(inside if inside.is_file() else package.parent.parent / FILE_NAME)


_read_once = cache(read)
