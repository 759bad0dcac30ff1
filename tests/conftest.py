"""Options and fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from places import SHARED
from tiny_models import collection

__all__ = ["collection"]  # a fixture for every test

# CI judges a change, and must say the same of it twice; searching is for the desk.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden-dir",
        type=Path,
        default=None,
        help="Run every golden case below this folder; the default is those of the networks here.",
    )


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors on two threads of a busy machine take ten times as long as on one."""
    torch.set_num_threads(1)


@pytest.fixture
def shared() -> Path:
    """Reference material that lies beside the checkout and is never part of it."""
    if not SHARED.is_dir():
        pytest.skip("the shared reference material is not beside this checkout")
    return SHARED


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
