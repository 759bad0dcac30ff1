"""A manifest of models small enough to be made by a test, and a mirror that has them."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from unmixcli.weights.published import translate

OPTIONS = {"sources": ["drums", "bass", "other", "vocals"], "channels": 2, "depth": 2}
SOURCES = OPTIONS["sources"]
ENTRY: dict[str, Any] = {
    "name": "tiny",
    "aliases": ["teeny"],
    "summary": "for tests",
    "default_for": None,
    "architecture": "demucs",
    "sources": SOURCES,
    "sample_rate": 44_100,
    "channels": 2,
    "inference": None,
    "members": [],
    "parameters": None,
    "licence": {"spdx": "CC0-1.0", "summary": None, "note": None, "source": None},
    "training": {"data": None, "musdb18_test": None},
    "paper": None,
    "scores": [],
}


def tiny_network(seed: int = 0) -> torch.nn.Module:
    """Return a Demucs v2 of a few hundred weights."""
    from unmixcli.weights.registry import architecture

    torch.manual_seed(seed)
    meant = translate("demucs_v2", "demucs.model.Demucs", OPTIONS)
    return architecture(meant.architecture).build(meant.config).eval()


@dataclass
class Collection:
    """A manifest, and the mirror that its files come from."""

    folder: Path
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def mirror(self) -> Path:
        return self.folder / "mirror"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def file(self, name: str, file: str, content: bytes, **changes: Any) -> dict[str, Any]:
        """Put a file into the mirror, and return what a manifest says of it."""
        path = self.mirror / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {
            "kind": "url",
            "path": f"https://example.org/somewhere/{file}",
            "repo": None,
            "revision": None,
            "format": "torch-state",
            "part": None,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "sha256_prefix": None,
            "sha512": None,
            "git_blob_sha1": None,
            "alternatives": [],
            **changes,
        }

    def member(self, file: dict[str, Any], shares: list[float] | None = None) -> dict[str, Any]:
        call = {"system": "demucs_v2", "class": "demucs.model.Demucs", "options": OPTIONS}
        return {"constructor": call, "shares": shares, "files": [file]}

    def add(self, name: str = "tiny", *, seeds: tuple[int, ...] = (0,), **changes: Any) -> None:
        """Add a model, of one network for each seed."""
        entry = copy.deepcopy(ENTRY) | {"name": name, "aliases": [f"alias-of-{name}"]}
        for seed in seeds:
            state = self.folder / "state.th"
            torch.save(tiny_network(seed).state_dict(), state)
            file = self.file(name, f"{name}-{seed}.th", state.read_bytes())
            entry["members"].append(self.member(file))
        self.entries[name] = entry | changes
        self.write()

    def only_file(self, name: str = "tiny") -> dict[str, Any]:
        """Return what the manifest says of a model's file, to be changed."""
        [member] = self.entries[name]["members"]
        return member["files"][0]

    def write(self) -> None:
        document = {"schema": 1, "models": [*self.entries.values()]}
        self.manifest.write_text(json.dumps(document))


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A manifest with the model ``tiny``, an empty cache, and a mirror that has its file."""
    from unmixcli.weights import manifest

    made = Collection(tmp_path / "collection")
    made.folder.mkdir()
    made.add()
    monkeypatch.setattr(manifest, "_read_once", manifest.read)
    monkeypatch.setenv("UNMIXCLI_MANIFEST", str(made.manifest))
    monkeypatch.setenv("UNMIXCLI_HOME", str(made.home))
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(made.mirror))
    return made
