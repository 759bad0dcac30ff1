"""Manifests, each of which is honest but for one thing."""

from __future__ import annotations

import copy
import json
from typing import Any

HASH = "0" * 64

FILE: dict[str, Any] = {
    "kind": "url",
    "path": "https://example.org/weights/hostile.th",
    "repo": None,
    "revision": None,
    "format": "torch-state",
    "part": None,
    "size": 1000,
    "sha256": HASH,
    "sha256_prefix": None,
    "sha512": None,
    "git_blob_sha1": None,
    "alternatives": [],
}
HUB = FILE | {"kind": "hub", "path": "a/b.th", "repo": "a/b", "revision": "0" * 40}

ENTRY: dict[str, Any] = {
    "name": "hostile",
    "aliases": [],
    "summary": "for tests",
    "architecture": "demucs",
    "sources": ["a", "b"],
    "sample_rate": 8000,
    "channels": 1,
    "inference": None,
    "members": [
        {
            "constructor": {
                "system": "demucs_v2",
                "class": "demucs.model.Demucs",
                "options": {"sources": ["a", "b"], "channels": 2},
            },
            "shares": None,
            "files": [FILE],
        }
    ],
    "parameters": None,
    "licence": {"spdx": "CC0-1.0", "summary": None, "note": None, "source": None},
    "training": {"data": None, "musdb18_test": None},
    "paper": None,
    "scores": [],
}


def text(*entries: dict[str, Any]) -> str:
    return json.dumps({"schema": 1, "models": list(entries or (ENTRY,))})


def entry(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(ENTRY) | changes


def member(**changes: Any) -> dict[str, Any]:
    """An entry whose member is another."""
    return entry(members=[copy.deepcopy(ENTRY["members"][0]) | changes])


def call(**changes: Any) -> dict[str, Any]:
    """An entry whose constructor is called otherwise."""
    return member(constructor=ENTRY["members"][0]["constructor"] | changes)


def file(base: dict[str, Any] = FILE, **changes: Any) -> dict[str, Any]:
    """An entry whose file is another."""
    return member(files=[base | changes])


def nested_alternatives(depth: int) -> dict[str, Any]:
    innermost = dict(FILE)
    for _ in range(depth):
        innermost = FILE | {"alternatives": [innermost]}
    return member(files=[innermost])
