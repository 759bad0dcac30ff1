"""The tools that read the code find nothing to say."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from places import ROOT


@pytest.mark.parametrize(
    "tool", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join
)
def test_a_tool_finds_nothing(tool):
    command = [sys.executable, "-m", *tool]

    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "examples"]
)
def test_what_documents_point_to_is_there(name):
    path = ROOT / name
    for page in [path] if path.is_file() else sorted(path.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} points to '{target}'"
