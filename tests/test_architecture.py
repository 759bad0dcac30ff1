"""Imports point one way. A failure here is a design question, not a lint."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT

PACKAGE = ROOT / "src" / "unmixcli"

BASE = {"errors", "network", "schedule"}
ALLOWED = {
    "errors": set(),
    "network": {"errors"},
    "schedule": {"errors", "network"},
    "layers": {"errors", "network"},
    "models": {"errors", "network", "layers"},
    "audio": {"errors"},
    "inference": BASE,
    "weights": BASE | {"models"},
    "selection": {"errors"},
    "settings": {"errors", "network", "audio"},
    "report": {"audio"},
    "progress": {"audio", "errors"},
    "separation": BASE
    | {"audio", "inference", "weights", "selection", "settings", "report", "progress"},
    "cli": BASE | {"audio", "weights", "selection", "settings", "separation", "report"},
}

SOLE_IMPORTERS = {
    "huggingface_hub": set(),
    "torchaudio": set(),
    "museval": set(),
    "soundfile": {"audio/decoder.py", "audio/writer.py"},
    "soxr": {"audio/resample.py"},
    "rich": {"cli/output.py"},
}

CLI_ONLY = {"typer", "rich"}
FORBIDDEN = {"click", "pickle", "marshal", "yaml"}

# A file or function beyond these is a smell: split it, or say here why not.
LONGEST_FILE, LONGEST_FUNCTION = 280, 60


def modules() -> list[Path]:
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def tree(module: Path) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imported(module: Path) -> set[str]:
    """Return every imported name, with dots."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports are absolute"
            assert not node.level, "imports are absolute"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def test_modules_are_found():
    assert Path("separation.py") in modules()


@pytest.mark.parametrize("module", modules(), ids=str)
def test_imports_point_one_way(module):
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("unmixcli.")}
    layers = {name for name in ours if name in ALLOWED}

    if layer(module) in ALLOWED:
        assert layers - {layer(module)} <= ALLOWED[layer(module)]
    else:
        assert module.name in ("__init__.py", "__main__.py")


@pytest.mark.parametrize("package", SOLE_IMPORTERS)
def test_a_package_has_its_own_importers(package):
    importers = {
        module.as_posix()
        for module in modules()
        if any(name.split(".")[0] == package for name in imported(module))
    }

    assert importers <= SOLE_IMPORTERS[package]


@pytest.mark.parametrize("module", modules(), ids=str)
def test_only_the_command_line_knows_a_terminal(module):
    packages = {name.split(".")[0] for name in imported(module)}

    assert not packages & FORBIDDEN
    assert layer(module) == "cli" or not packages & CLI_ONLY


@pytest.mark.parametrize("module", modules(), ids=str)
def test_files_and_functions_stay_readable(module):
    lines = (PACKAGE / module).read_text(encoding="utf-8").count("\n")
    functions = [
        node
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    longest = max((node.end_lineno - node.lineno for node in functions), default=0)

    assert lines <= LONGEST_FILE
    assert longest <= LONGEST_FUNCTION


def test_nothing_loads_pickles_without_restriction():
    calls = [
        node
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]

    assert calls
    for call in calls:
        said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert said["weights_only"] == "True"


def test_help_does_not_import_torch():
    """``--help`` must stay fast: torch alone takes a second."""
    heavy = {"torch", "numpy", "soundfile", "soxr", "safetensors", "huggingface_hub", "museval"}
    code = (
        "import sys, unmixcli.cli.app, unmixcli.schedule; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not heavy & set(loaded)
