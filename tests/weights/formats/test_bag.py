"""A bag of Demucs is a description beside its files, of either format."""

from __future__ import annotations

import json
import shutil

import pytest

from golden.checkpoint_cases import digest, read
from unmixcli.errors import WeightsError
from unmixcli.weights.formats import bag
from unmixcli.weights.quantised import dense


def test_a_folder_of_the_hub_is_read(shared, tmp_path):
    """What Demucs 4.1 publishes: safetensors with metadata, and the bag that names them."""
    case = shared / "golden" / "checkpoint_formats" / "v410_safetensors_htdemucs"
    shutil.copy(case / "a0644ae2.safetensors", tmp_path)
    (tmp_path / "htdemucs.yaml").write_text("models: ['a0644ae2']\n")

    found = bag.read(tmp_path / "htdemucs.yaml")

    [file] = found.files
    checkpoint = read(file)
    facts = json.loads((case / "case.json").read_text())
    assert (found.shares, found.segment) == (None, None)
    assert checkpoint.name == "demucs.htdemucs.HTDemucs"
    decoded = {name: digest(dense(weight)) for name, weight in checkpoint.named({}).items()}
    assert decoded == facts["decoded_state_sha256"]


def test_a_file_that_is_not_beside_it_is_named(tmp_path):
    (tmp_path / "bag.yaml").write_text("models: ['c0ffee01']\n")

    with pytest.raises(WeightsError, match="no weights of 'c0ffee01' beside it"):
        bag.read(tmp_path / "bag.yaml")
