"""All that is known of one model: ``unmixcli models show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unmixcli.cli.model_table import Row, size_of
from unmixcli.schedule import Normalise, Schedule
from unmixcli.weights import cache, store, support
from unmixcli.weights.manifest import ManifestEntry, Member, WeightFile

Pair = tuple[str, str]
"""A title, empty where it is that of the line before, and what is under it."""

WIDTH = 11
"""Of the titles."""


def document(entry: ManifestEntry) -> dict[str, Any]:
    """Return everything as plain JSON values; lengths are samples at the model's rate."""
    licence, row = entry.licence, Row.of(entry).as_dict()
    return row | {
        "aliases": list(entry.aliases),
        "summary": entry.summary,
        "architecture": entry.architecture,
        "channels": entry.channels,
        "conditioned": support.conditioned(entry),
        "schedule": entry.schedule and entry.schedule.to_json(),
        "members": [_member(entry, member) for member in entry.members],
        "parameters": entry.parameters,
        "licence": row["licence"]
        | {"summary": licence.summary, "note": licence.note, "source": licence.source},
        "training": dict(entry.training),
        "paper": entry.paper,
        "scores": [dict(score) for score in entry.scores],
        "obstacle": support.obstacle(entry),
    }


def _member(entry: ManifestEntry, member: Member) -> dict[str, Any]:
    call = member.constructor
    return {
        "constructor": call
        and {"system": call.system, "class": call.name, "options": dict(call.options)},
        "shares": list(member.shares) if member.shares else None,
        "files": [
            _file(entry, file)
            | {"alternatives": [_file(entry, other) for other in file.alternatives]}
            for file in member.files
        ],
    }


def _file(entry: ManifestEntry, file: WeightFile) -> dict[str, Any]:
    path = store.place(entry, file)
    return {
        "name": file.name,
        "kind": file.kind,
        "format": file.format,
        "part": file.part,
        "size": file.size,
        "hashes": file.hashes,
        "address": file.address,
        "path": str(path),
        "downloaded": path.is_file(),
    }


def lines(entry: ManifestEntry) -> list[str]:
    """Return everything for people."""
    pairs = [
        *_what(entry),
        *_networks(entry),
        *_terms(entry),
        *_origin(entry),
        *_files(entry),
    ]
    return [
        f"{entry.name}: {entry.summary}",
        *(f"  {title:{WIDTH}} {text}".rstrip() for title, text in pairs),
    ]


def _what(entry: ManifestEntry) -> Iterator[Pair]:
    if entry.aliases:
        yield "aliases", ", ".join(entry.aliases)
    yield "separates", ", ".join(entry.sources)
    if support.conditioned(entry):
        yield "is told", "which of them are asked for, with --instruments"
    channels = {1: "mono", 2: "stereo"}.get(entry.channels, f"{entry.channels} channels")
    yield "audio", f"{entry.sample_rate:,} Hz, {channels}"
    why = support.obstacle(entry)
    yield "runs", f"no: {why}" if why else "yes"
    yield "here", _here(entry)
    size, estimated = size_of(entry)
    about = "about " if estimated else ""
    yield "size", "not published" if size is None else f"{about}{size:,} bytes"


def _here(entry: ManifestEntry) -> str:
    copies = cache.copies(entry)
    here = sum(copy.here for copy in copies)
    if here == len(copies):
        return "yes"
    return f"{here} of {len(copies)} files" if here else "no"


def _networks(entry: ManifestEntry) -> Iterator[Pair]:
    count = f", {len(entry.members)} networks" if len(entry.members) > 1 else ""
    weights = f" of {entry.parameters:,} weights" if entry.parameters else ""
    yield "network", f"{entry.architecture or 'as its files say'}{count}{weights}"
    calls: dict[str, None] = {}
    for member in entry.members:
        if call := member.constructor:
            said = ", ".join(f"{key}={value!r}" for key, value in call.options.items())
            calls[f"{call.name}({said}) of {call.system}"] = None
    yield from _titled("built by", calls)
    yield "cut", _cut(entry.schedule, entry.sample_rate)


def _cut(schedule: Schedule | None, rate: int) -> str:
    """Say in seconds how a track is cut."""
    if schedule is None:
        return "as its files say, or not published"
    said = ["the whole track at once"]
    if schedule.segment is not None:
        said = [f"segments of {_seconds(schedule.segment, rate)}", f"{schedule.overlap:.0%} shared"]
        said += [f"tail {schedule.tail}", f"context {schedule.context}"]
    if schedule.margin:
        said.append(f"margins of {_seconds(schedule.margin, rate)}")
    if schedule.shifts:
        most = _seconds(schedule.max_shift, rate)
        said.append(f"shifts {schedule.shifts}, of up to {most}, for each {schedule.shift_scope}")
    if schedule.normalise is not Normalise.NONE:
        said.append("normalised by the track")
    return ", ".join(said)


def _seconds(samples: int, rate: int) -> str:
    return f"{samples / rate:.4g} s"


def _terms(entry: ManifestEntry) -> Iterator[Pair]:
    licence = entry.licence
    yield "licence", f"{licence}, {'permissive' if licence.permissive else 'not permissive'}"
    yield from (("", text) for text in (licence.note, licence.source) if text)


def _origin(entry: ManifestEntry) -> Iterator[Pair]:
    yield "trained on", entry.training.get("data") or "what is not published"
    test = entry.training.get("musdb18_test")
    if test:
        yield "WARNING", "MUSDB18's test set was in its training: its scores there say nothing"
    elif test is None:
        yield "", "whether with MUSDB18's test set is not published"
    else:
        yield "", "without MUSDB18's test set"
    for number, score in enumerate(entry.scores):
        values = ", ".join(f"{source} {value}" for source, value in score["values"].items())
        yield "" if number else "scores", values
        yield from (("", str(score[key])) for key in ("protocol", "source") if score.get(key))
    if entry.paper:
        yield "paper", entry.paper


def _files(entry: ManifestEntry) -> Iterator[Pair]:
    for member in entry.members:
        for file in member.files:
            yield from _one_file(entry, file, "file")
            for other in file.alternatives:
                yield from _one_file(entry, other, "or")
        if member.shares:
            shares = (f"{s} {n:g}" for s, n in zip(entry.sources, member.shares, strict=False))
            yield "", f"weighs {', '.join(shares)} in the mean"


def _one_file(entry: ManifestEntry, file: WeightFile, title: str) -> Iterator[Pair]:
    facts = [file.name, file.format]
    facts += [f"{file.size:,} bytes"] if file.size is not None else []
    facts += [f"for {file.part}"] if file.part else []
    yield title, ", ".join(facts)
    yield from (("", f"{kind} {value}") for kind, value in file.hashes.items())
    if file.kind not in ("bundled", "imported"):
        yield "", file.address
    if not file.hashes:
        yield "", "to be got by hand and imported: no hash of it is published"
    path = store.place(entry, file)
    yield "", f"{'here' if path.is_file() else 'would be'}: {path}"


def _titled(title: str, texts: dict[str, None]) -> Iterator[Pair]:
    for number, text in enumerate(texts):
        yield "" if number else title, text
