"""What the original authors' code gave, this package gives.

``pytest tests/golden --golden-dir DIR`` runs every case and table found below DIR; a
system that has no network here fails. Without the option the cases of the networks that
are here run, where the reference material lies beside the checkout.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from golden.judge import Case, run
from places import SHARED
from unmixcli.weights.published import translate
from unmixcli.weights.registry import architecture

IMPLEMENTED = ("demucs_v1", "demucs_v2")


def folders(config: pytest.Config) -> list[Path]:
    chosen: Path | None = config.getoption("--golden-dir")
    if chosen is not None:
        if not chosen.is_dir():
            raise pytest.UsageError(f"--golden-dir: no folder '{chosen}'")
        return [chosen]
    return [SHARED / "golden" / system for system in IMPLEMENTED]


def found(config: pytest.Config, name: str) -> list[Path]:
    return sorted(path for folder in folders(config) for path in folder.rglob(name))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = [Case(path.parent) for path in found(metafunc.config, "case.json")]
        metafunc.parametrize("case", cases, ids=lambda case: case.name)
    if "table" in metafunc.fixturenames:
        tables = found(metafunc.config, "valid_lengths.json")
        metafunc.parametrize("table", tables, ids=lambda path: path.parent.name)


def test_gives_what_the_original_gave(case: Case):
    estimates = run(case).numpy()

    assert estimates.shape == case.expected.shape
    assert np.abs(estimates - case.expected).max() <= case.tolerance


def test_reads_as_many_samples_as_the_original(table: Path):
    for rows in json.loads(table.read_text())["tables"]:
        options = dict(rows["config_overrides"])
        if table.parent.name != "demucs_v1":
            options["sources"] = ["drums", "bass", "other", "vocals"]
        published = translate(table.parent.name, "demucs.model.Demucs", options | {"channels": 1})
        network = architecture(published.architecture).build(published.config)

        lengths = [network.geometry(length).input_length for length in rows["lengths"]]

        assert lengths == rows["valid_length"]
