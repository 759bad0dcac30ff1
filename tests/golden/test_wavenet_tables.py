"""The published sizes of the Wavenet, and its outputs together with what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from golden import wavenet_cases
from golden.judge import Case
from places import SHARED
from unmixcli.weights.checkpoint import blank
from unmixcli.weights.published import translate

CLASSES = {"sv": "SingingVoiceSeparationWavenet", "mi": "MultiInstrumentSeparationWavenet"}


def found(config: pytest.Config, name: str) -> list[Path]:
    folder = config.getoption("--golden-dir") or SHARED / "golden" / "wavenet"
    return sorted(folder.rglob(name))


def rows(config: pytest.Config) -> list[tuple[str, dict[str, int]]]:
    """Return every row, by ``sv`` or ``mi`` and the number of stacks."""
    tables = [
        json.loads(path.read_text())["table"] for path in found(config, "receptive_fields.json")
    ]
    counts = SHARED / "golden" / "param_counts.json"
    if counts.is_file():
        tables.append(json.loads(counts.read_text())["wavenet"])
    return [row for table in tables for row in table.items()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", rows(metafunc.config), ids=lambda row: row[0])
    if "case" in metafunc.fixturenames:
        cases = [Case(path.parent) for path in found(metafunc.config, "output_subtracted.npy")]
        metafunc.parametrize("case", cases, ids=lambda case: case.name)


def configuration(stacks: int) -> dict[str, Any]:
    """Return the authors' configuration, but for the number of stacks."""
    return {
        "dataset": {"sample_rate": 16_000},
        "model": {
            "num_stacks": stacks,
            "dilations": 9,
            "filters": {
                "depths": {"res": 64, "skip": 64, "final": [2048, 256]},
                "lengths": {"res": 3, "skip": 1, "final": [3, 3]},
            },
            "target_field_length": 1601,
            "target_padding": 1,
        },
    }


def test_sizes_are_the_published(row: tuple[str, dict[str, int]]):
    name, expected = row
    kind, stacks = name.removesuffix("stacks").split("_")
    published = translate("wavenet", CLASSES[kind], configuration(int(stacks)))
    network = blank(published.architecture, published.config)
    target = published.schedule.segment

    with torch.device("meta"):
        field = network.target_field(torch.empty(1, 1, network.geometry(target).input_length))

    assert expected == {
        "num_params": sum(parameter.numel() for parameter in network.parameters()),
        "receptive_field_length": published.config.receptive_field,
        "half_receptive_field_length": published.config.reach,
        "input_length": network.geometry(target).input_length,
        "padded_target_field_length": field.shape[-1],
    }


def test_the_last_source_is_what_the_original_left(case: Case):
    with torch.inference_mode():
        estimates = wavenet_cases.network(case)(case.input[:, None])

    expected = np.load(case.folder / "output_subtracted.npy")
    difference = np.abs(estimates[:, :, 0].transpose(0, 1).numpy() - expected)
    assert difference.max() <= case.tolerance
