"""From a published checkpoint to a model of the user's own, in the native format.

For files without an address of their own, and for networks that users have trained with
their authors' code. What is imported is used by its name like any model of the manifest.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmixcli.errors import ConfigError, OutputError, WeightsError
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights import catalogue, checkpoint, published, snapshot
from unmixcli.weights.checkpoint import Header
from unmixcli.weights.formats import bag, reading
from unmixcli.weights.formats.torch_checkpoint import Checkpoint, weights
from unmixcli.weights.manifest import ManifestEntry
from unmixcli.weights.plain import brief
from unmixcli.weights.published import Published
from unmixcli.weights.published.wave_u_net import NAMED
from unmixcli.weights.quantised import State, dense
from unmixcli.weights.registry import architecture as known_architecture
from unmixcli.weights.registry import configure
from unmixcli.weights.snapshot import Snapshot

OWN_NAMES = ("torch-state", "safetensors-state")
"""Formats in which a network of ours may lie under our own names."""

NATIVE = "native"
BUNDLE = "tensorflow-bundle"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a user says of a file that does not say it itself."""

    architecture: str | None
    config: str | None
    licence: str


def import_file(
    path: Path,
    *,
    name: str,
    architecture: str | None = None,
    config: str | None = None,
    licence: str = "not-stated",
) -> ManifestEntry:
    """Convert a published file, and keep it under a name.

    Args:
        path: A checkpoint, a bag's YAML, or a TensorFlow bundle's index or folder.
        name: What ``--model`` will take.
        architecture: Which network it is of, where the file does not say so.
        config: Its hyper-parameters: JSON, a file of JSON, the name of a published
            configuration (``M4``), or of a model of the manifest.
        licence: SPDX identifier of the weights.

    Raises:
        WeightsError: The file is damaged, does not fit, or the name is taken.
        ConfigError: A hyper-parameter is missing, unknown or out of bounds.
        OutputError: The cache cannot be written.
    """
    catalogue.require_free(name)
    if architecture is not None:
        known_architecture(architecture)
    told = Told(architecture=architecture, config=config, licence=licence)
    shares: tuple[tuple[float, ...], ...] | None = None
    paths: tuple[Path, ...] = (path,)
    segment: float | None = None
    if path.suffix in bag.SUFFIXES:
        found = bag.read(path)
        paths, shares, segment = found.files, found.shares, found.segment
    try:
        with tempfile.TemporaryDirectory(prefix="unmixcli-") as folder:
            headers, files = [], []
            for number, (header, state) in enumerate(_read(path, told) for path in paths):
                file = Path(folder) / f"{name}-{number}{checkpoint.SUFFIX}"
                checkpoint.save(file, state, header)
                headers.append(header)
                files.append(file)
            return catalogue.add(_entry(name, headers, files, shares, segment), files)
    except OSError as error:
        raise OutputError(f"cannot keep '{name}': {error}") from error


def _read(path: Path, told: Told) -> tuple[Header, State]:
    """Read a file, and see that it fits the network it is said to be of."""
    form, found, held = _open(path)
    if isinstance(found, tuple):
        header, state = found
        checkpoint.fill(checkpoint.blank(header.architecture, header.config), state, name=str(path))
    else:
        meant, state = _fitting(_meant(found, form, told, path), found, held, path)
        header = Header(
            architecture=meant.architecture,
            config=meant.config,
            schedule=meant.schedule,
            licence=told.licence,
            provenance=f"imported from {brief(path.name)}, sha256 {held.digest()}",
        )
    if told.architecture not in (None, header.architecture):
        raise WeightsError(f"'{path}' is of the architecture '{header.architecture}'")
    return header, state


def _open(path: Path) -> tuple[str, Checkpoint | tuple[Header, State], Snapshot]:
    """Return a file's format, content and bytes."""
    if path.is_dir() or path.suffix in (".index", ".meta"):
        index = next(iter(sorted(path.glob("*.index"))), path) if path.is_dir() else path
        held = snapshot.take(index.with_suffix(".index"))
        return BUNDLE, reading.read(replace(held, path=path), BUNDLE), held
    held = snapshot.take(path)
    form = reading.recognise(held)
    if form == NATIVE:
        return form, checkpoint.read(held), held
    return form, reading.read(held, form), held


def _fitting(
    candidates: Sequence[Published], found: Checkpoint, held: Snapshot, path: Path
) -> tuple[Published, State]:
    """Return the first network that the weights fit, and its state."""
    errors: list[WeightsError] = []
    for meant in candidates:
        try:
            state = _state(found, meant, held)
            checkpoint.fill(
                checkpoint.blank(meant.architecture, meant.config), state, name=str(path)
            )
        except WeightsError as error:
            errors.append(error)
        else:
            return meant, state
    raise errors[0]


def _state(found: Checkpoint, meant: Published, held: Snapshot) -> State:
    network = checkpoint.blank(meant.architecture, meant.config)
    named = weights(held, found, checkpoint.shapes(network))
    if meant.convert is dict:  # nothing is renamed: quantised weights stay as they are
        return named
    return meant.convert({key: dense(weight) for key, weight in named.items()})


def _meant(found: Checkpoint, form: str, told: Told, path: Path) -> list[Published]:
    """Return which networks a file may be of: as it says itself, else as we are told."""
    if found.system is not None and found.name is not None:
        arguments = found.arguments
        return [published.translate(found.system, found.name, found.options, arguments=arguments)]
    if told.config in NAMED:
        return [published.translate(*NAMED[told.config])]
    if told.config and (entry := catalogue.find(told.config)):
        call = entry.members[0].constructor
        if call is None:
            raise ConfigError(f"the manifest does not say how '{entry.name}' is built")
        return [published.translate(call.system, call.name, call.options)]
    if told.architecture is None:
        raise ConfigError(
            f"'{path}' does not say what network it is of",
            hint="name it with --architecture and --config",
        )
    return _configured(told.architecture, _values(told.config), form)


def _values(config: str | None) -> dict[str, Any]:
    if config is None:
        raise ConfigError(
            "the file does not hold the network's hyper-parameters",
            hint="give them with --config: JSON, or the name of a published model",
        )
    try:
        text = config if config.lstrip().startswith("{") else Path(config).read_text("utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"'{config[:80]}' is no configuration: {error}",
            hint="give JSON, a file of JSON, or the name of a published model",
        ) from error
    if not isinstance(values, dict):
        raise ConfigError("a configuration is a JSON object")
    return values


def _configured(architecture: str, values: dict[str, Any], form: str) -> list[Published]:
    """Take hyper-parameters as ours or, where they are not, as an author's of that network.

    Several of an author's networks may have the same: the weights then say which it is.
    """
    errors: list[ConfigError] = []
    candidates: list[Published] = []
    for attempt in _attempts(architecture, values, form):
        try:
            candidates.append(attempt())
        except ConfigError as error:
            errors.append(error)
    if not candidates:
        why = ConfigError(f"no way to read a '{architecture}' from {form}")
        raise errors[0] if errors else why
    return candidates


def _attempts(architecture: str, values: dict[str, Any], form: str) -> Iterator[Any]:
    schedule = values.get("inference")
    own = {key: value for key, value in values.items() if key != "inference"}
    if form in OWN_NAMES:
        yield lambda: _own(architecture, own, schedule)
    # Later generations first: a state alone does not tell them apart.
    for system, name in published.calls_of(architecture):
        yield lambda system=system, name=name: published.translate(system, name, values)


def _own(architecture: str, values: dict[str, Any], schedule: dict[str, Any] | None) -> Published:
    config = configure(architecture, values)
    usual = Schedule(segment=10 * config.sample_rate, overlap=0.25, tail=Tail.SHORTEN)
    return Published(
        architecture=architecture,
        config=config,
        schedule=Schedule.from_json(schedule) if schedule else usual,
    )


def _entry(
    name: str,
    headers: list[Header],
    files: list[Path],
    shares: tuple[tuple[float, ...], ...] | None,
    segment: float | None,
) -> dict[str, Any]:
    """Describe an imported model as the manifest describes its own."""
    first = headers[0]
    config, schedule = first.config, first.schedule
    if segment is not None:
        schedule = replace(schedule, segment=round(segment * config.sample_rate))
    return {
        "name": name,
        "aliases": [],
        "summary": first.provenance,
        "default_for": None,
        "architecture": first.architecture if len({h.architecture for h in headers}) == 1 else None,
        "sources": list(config.sources),
        "sample_rate": config.sample_rate,
        "channels": config.channels,
        "inference": schedule.to_json(),
        "members": [
            {
                "constructor": None,
                "shares": list(shares[number]) if shares else None,
                "files": [_file(file)],
            }
            for number, file in enumerate(files)
        ],
        "parameters": None,
        "licence": {"spdx": first.licence, "summary": None, "note": None, "source": None},
        "training": {"data": None, "musdb18_test": None},
        "paper": None,
        "scores": [],
    }


def _file(path: Path) -> dict[str, Any]:
    held = snapshot.take(path)
    return {
        "kind": "imported",
        "path": path.name,
        "format": NATIVE,
        "size": held.size,
        "sha256": held.digest(),
    }
