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

from golden import checkpoint_cases, museval_cases, wave_u_net_cases
from golden.judge import Case, run
from places import SHARED
from unmixcli.evaluation.aggregate import Aggregation, aggregate
from unmixcli.evaluation.museval_json import dump_museval, load_museval
from unmixcli.weights.published import translate
from unmixcli.weights.registry import architecture

IMPLEMENTED = (
    "demucs_v1",
    "demucs_v2",
    "waveunet",
    "vimss",
    "wavenet",
    "checkpoint_formats",
    "oracle",
    museval_cases.SYSTEM,
)


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
        # A file whose network is not here yet is read; what it gives cannot be known.
        cases = [case for case in cases if not case.is_file or checkpoint_cases.runnable(case)]
        cases = [case for case in cases if not case.is_scores]
        metafunc.parametrize("case", cases, ids=lambda case: case.name)
    if "file" in metafunc.fixturenames:
        cases = [Case(path.parent) for path in found(metafunc.config, "case.json")]
        files = [case for case in cases if case.is_file]
        metafunc.parametrize("file", files, ids=lambda case: case.name)
    if "scores" in metafunc.fixturenames:
        cases = [Case(path.parent) for path in found(metafunc.config, "case.json")]
        cases = [case for case in cases if case.is_scores]
        metafunc.parametrize("scores", cases, ids=lambda case: case.name)
    if "table" in metafunc.fixturenames:
        tables = found(metafunc.config, "valid_lengths.json")
        metafunc.parametrize("table", tables, ids=lambda path: path.parent.name)
    if "padding" in metafunc.fixturenames:
        tables = found(metafunc.config, "paddings.json")
        rows = [row for path in tables for row in wave_u_net_cases.paddings(path)]
        metafunc.parametrize("padding", rows, ids=lambda row: f"{row[0]}-{row[2][0]}")


def test_gives_what_the_original_gave(case: Case):
    estimates = run(case).numpy()

    assert estimates.shape == case.expected.shape
    assert np.abs(estimates - case.expected).max() <= case.tolerance


def test_decodes_what_the_original_decoded(file: Case):
    expected = checkpoint_cases.expected_hashes(file)

    decoded = checkpoint_cases.state(file)

    assert {name: checkpoint_cases.digest(weight) for name, weight in decoded.items()} == expected


def test_reads_as_many_samples_as_the_original(table: Path):
    for rows in json.loads(table.read_text())["tables"]:
        options = dict(rows["config_overrides"])
        if table.parent.name != "demucs_v1":
            options["sources"] = ["drums", "bass", "other", "vocals"]
        published = translate(table.parent.name, "demucs.model.Demucs", options | {"channels": 1})
        network = architecture(published.architecture).build(published.config)

        lengths = [network.geometry(length).input_length for length in rows["lengths"]]

        assert lengths == rows["valid_length"]


def test_reads_and_predicts_what_the_original_padding_says(padding):
    system, options, (wanted, (_, read, channels), (_, predicted, _)) = padding

    expected = (read, predicted, channels)
    assert wave_u_net_cases.padding(system, options, wanted) == expected


def test_scores_what_museval_scored(scores: Case):
    ours = museval_cases.scored(scores)
    values, expected = museval_cases.table(ours), museval_cases.expected(scores)

    assert values.shape == expected.shape
    assert museval_cases.same(values, expected, scores.tolerance)


def test_writes_what_museval_wrote(scores: Case):
    ours = load_museval(dump_museval(museval_cases.scored(scores)), scores.name)
    theirs = museval_cases.expected_file(scores)

    assert list(ours.sources) == list(theirs.sources)
    assert museval_cases.same(
        museval_cases.table(ours), museval_cases.table(theirs), scores.tolerance
    )


def test_takes_the_medians_that_museval_took(scores: Case):
    table = aggregate([museval_cases.scored(scores)], Aggregation.MEDIAN_OF_MEDIANS)
    medians = [[row[metric].median for row in table.values()] for metric in museval_cases.ORDER]

    assert museval_cases.same(np.array(medians), museval_cases.medians(scores), scores.tolerance)
