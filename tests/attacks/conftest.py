"""An attack: a file, the way by which a user would load it, and how that has to end."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attacks import canary, guard, victims
from unmixcli.errors import UnmixError, WeightsError
from unmixcli.weights.formats import reading  # noqa: F401 whatever is imported late is no attack
from unmixcli.weights.registry import architecture, architectures

assert canary.NAME == guard.CANARY

LONGEST_MESSAGE = 1000


@dataclass(frozen=True)
class Attack:
    """Runs hostile files, under guard.

    Attributes:
        folder: Where they lie; the only folder that may be written to.
    """

    folder: Path

    def file(self, content: bytes, name: str = "hostile.th") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def survives(self, way: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Let a file be read that need not be refused, and return what it gave."""
        for mark in ("canary_imported", "canary_sang"):
            sys.__dict__.pop(mark, None)
        try:
            with guard.watch(self.folder) as watched:
                return way(*arguments, **options)
        finally:
            assert not watched.seen
            assert "canary_imported" not in sys.__dict__
            assert "canary_sang" not in sys.__dict__
            assert watched.seconds < guard.MOST_SECONDS
            assert watched.memory is None or watched.memory < guard.MOST_MEMORY

    def refused(
        self,
        way: Callable[..., Any],
        *arguments: Any,
        said: str = "",
        error: type[UnmixError] | tuple[type[UnmixError], ...] = WeightsError,
        **options: Any,
    ) -> str:
        """Let a file be read that has to be refused, in one line; return that line."""
        with pytest.raises(error) as caught:
            self.survives(way, *arguments, **options)
        message = str(caught.value)
        assert message.isprintable(), repr(message)
        assert 0 < len(message) < LONGEST_MESSAGE
        assert said in message
        return message


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """Import what is imported late: an attack must not be the first to need it."""
    import h5py  # noqa: F401
    import huggingface_hub.utils  # noqa: F401

    for name in architectures():
        architecture(name)
    victims.weights()


@pytest.fixture
def attack(tmp_path, monkeypatch) -> Attack:
    """A folder for hostile files, and an empty cache in it; the network is forbidden."""
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")
    for variable in ("UNMIXCLI_MIRROR", "UNMIXCLI_MANIFEST", "UNMIXCLI_LICENCE_POLICY"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Attack(tmp_path)
