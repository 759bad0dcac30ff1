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
    "durable": {"errors"},
    "datasets": {"errors", "audio"},
    "evaluation": {"errors", "audio", "datasets", "inference", "weights"}
    | {"durable", "instruments", "selection", "settings", "progress", "separation"},
    "inference": BASE,
    "weights": BASE | {"models"},
    "instruments": {"errors"},
    "selection": {"errors", "network", "instruments"},
    "settings": {"errors", "network", "audio"},
    "activity": set(),
    "report": {"audio", "activity", "selection"},
    "progress": {"audio", "errors"},
    "cutting": BASE | {"inference", "weights", "settings"},
    "separation": BASE
    | {"audio", "inference", "weights", "selection", "settings", "report", "progress"}
    | {"activity", "cutting"},
    "training": BASE
    | {"layers", "weights", "audio", "datasets", "inference", "evaluation"}
    | {"durable", "selection", "settings", "separation"},
    "cli": BASE
    | {"audio", "weights", "instruments", "selection", "settings", "separation", "report"}
    | {"training", "datasets", "evaluation"},
}

SOLE_IMPORTERS = {
    "huggingface_hub": {"weights/hub.py"},
    "yaml": {"weights/formats/bag.py"},
    "tomli_w": {"training/frozen.py", "training/recipe.py"},
    "torchaudio": set(),
    "museval": {"evaluation/museval_engine.py"},  # loads it by path, and only when asked
    "soundfile": {"audio/decoder.py", "audio/writer.py"},
    "av": {"audio/multistream.py"},
    "soxr": {"audio/resample.py"},
    "rich": {"cli/output.py"},
    "matplotlib": {
        "evaluation/report/figures.py",
        "evaluation/report/svg.py",
        "training/history.py",
    },
    "jinja2": {"evaluation/report/pages.py"},
    "markupsafe": {"evaluation/report/pages.py"},  # comes with jinja2: what is not escaped
    "tensorboardX": {"training/history.py"},
    "h5py": set(),  # libhdf5 crashes on damaged files: weights/formats/hdf5.py reads them
}

CLI_ONLY = {"typer", "rich"}
FORBIDDEN = {"click", "pickle", "marshal", "shelve", "dill", "joblib"}

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


def test_nothing_runs_what_a_file_says():
    """Pickles are parsed, never loaded; nothing is evaluated, nor imported by a file's word."""
    called = {
        f"{module}: {ast.unparse(node.func)}"
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
    }
    banned = ("torch.load", "torch.jit.load", "torch.hub", "__import__", "np.load")
    # These look names up among our own modules and our own exports.
    importers = {"weights/registry.py", "__init__.py"}

    assert not {call for call in called if call.split(": ")[1].startswith(banned)}
    assert not {call for call in called if call.endswith((": eval", ": exec"))}
    assert {c.split(": ")[0] for c in called if c.endswith("import_module")} == importers
    # museval's metrics, of the installed package: the rest of it needs ffmpeg.
    museval = {"evaluation/museval_engine.py"}
    assert {c.split(": ")[0] for c in called if c.endswith("exec_module")} == museval
    source = "".join((PACKAGE / module).read_text(encoding="utf-8") for module in modules())
    assert "weights_only" not in source


def test_help_does_not_import_torch():
    """``--help`` must stay fast: torch alone takes a second."""
    heavy = {"torch", "numpy", "soundfile", "soxr", "safetensors", "huggingface_hub", "museval"}
    heavy |= {"matplotlib", "tensorboardX", "scipy"}
    code = (
        "import sys, unmixcli.cli.app, unmixcli.schedule; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not heavy & set(loaded)
