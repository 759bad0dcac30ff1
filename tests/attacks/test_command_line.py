"""The same through the program: one line for the error, its exit code, and no traceback."""

from __future__ import annotations

import json
import sys

import pytest

from attacks import archives, manifests, pickles, safetensors_files, victims
from unmixcli.cli.app import main
from unmixcli.weights import manifest

HEADER = victims.native_header

FILES = {
    "1-gadget": archives.zipped(pickles.GADGETS["1-reduce-canary"]),
    "1-gadget-in-an-old-file": archives.legacy(pickles.GADGETS["1-reduce-os-system"]),
    "18-bomb": archives.bomb(64 << 20),
    "21-nested": archives.zipped(pickles.nested(20_000)),
    "23-page": b"<!DOCTYPE html>\n<html>",
    "26-header-of-2^63": safetensors_files.assemble(b"{}", length=1 << 63),
    "30-klass": safetensors_files.file(
        safetensors_files.honest_tensors(), {"klass": "os.system", "args": '["exit 1"]'}
    ),
    "31-width": safetensors_files.native(
        HEADER(config=victims.CONFIG | {"width": 10**9}), safetensors_files.honest_tensors()
    ),
    "32-source-outside": safetensors_files.native(
        HEADER(config=victims.CONFIG | {"sources": ["a", "../../x"]}),
        safetensors_files.honest_tensors(),
    ),
    "a-name-of-two-lines": safetensors_files.native(
        HEADER(architecture="x\nerror: all is well\x1b[2J"), safetensors_files.honest_tensors()
    ),
}


@pytest.fixture
def program(attack, monkeypatch, capfd):
    """Run ``unmixcli`` under guard; return its exit code and what it said."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["unmixcli", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            attack.survives(main)
        return int(caught.value.code or 0), capfd.readouterr().err

    run("--version")  # imports what the program needs
    return run


def is_one_error(said: str) -> bool:
    lines = said.splitlines()
    return (
        sum(line.startswith("error: ") for line in lines) == 1
        and all(line.startswith(("error: ", "hint: ", "note: ")) for line in lines)
        and "Traceback" not in said
        and "\x1b" not in said
    )


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_a_hostile_model_ends_with_one_line_and_5(attack, program, file, suffix, track):
    path = attack.file(FILES[file], f"hostile{suffix}")

    code, said = program("separate", track, "--model", path, "--output", attack.folder / "stems")

    assert code == 5
    assert is_one_error(said), said
    assert not (attack.folder / "stems").exists()


@pytest.mark.parametrize("file", FILES)
def test_a_hostile_import_ends_with_one_line_and_5(attack, program, file):
    path = attack.file(FILES[file])

    code, said = program(
        *("models", "import", path, "--name", victims.NAME),
        *("--architecture", victims.ARCHITECTURE, "--config", json.dumps(victims.CONFIG)),
    )

    assert code == 5
    assert is_one_error(said), said
    assert not (attack.folder / "home").exists()


@pytest.mark.parametrize(
    "entry",
    [
        manifests.entry(name="../../x"),
        manifests.file(path="file:///etc/passwd"),
        manifests.file(sha256="0"),
        manifests.entry(sources=["../../x"]),
    ],
    ids=["name", "address", "hash", "source"],
)
def test_a_hostile_manifest_ends_with_one_line(attack, program, entry, track, monkeypatch):
    monkeypatch.setattr(manifest, "_read_once", manifest.read)
    path = attack.file(manifests.text(entry).encode(), "manifest.json")
    monkeypatch.setenv("UNMIXCLI_MANIFEST", str(path))

    code, said = program("separate", track, "--model", "hostile")

    assert code in (5, 6)
    assert is_one_error(said), said


@pytest.fixture
def track(attack):
    import numpy as np
    import soundfile

    path = attack.folder / "song.wav"
    soundfile.write(path, np.zeros((800, 1)), 8000)
    return path
