"""The benchmark of the models that ship inside scores what it says it does."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import soundfile

from fakes import ScalingNetwork, ToldNetwork
from places import ROOT
from unmixcli.network import ModelConfig
from unmixcli.schedule import Schedule
from unmixcli.separation import Separator
from unmixcli.settings import Settings
from unmixcli.weights.licence import Licence
from unmixcli.weights.loader import Model

RATE = 22_050


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        import embedded

        yield embedded


def separator(network) -> Separator:
    model = Model(
        name="fake",
        networks=(network,),
        schedule=Schedule(segment=RATE),
        licence=Licence(spdx="CC0-1.0"),
        sha256=("0",),
    )
    return Separator(model, Settings(device="cpu"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two test tracks of tones, in one of them with something else, and a training track."""
    folder = tmp_path_factory.mktemp("dataset")
    pitches = {"vn": 3000.0, "va": 1500.0, "vc": 400.0, "rest": 6000.0}
    members = {"train/a": ("vn", "va", "vc"), "test/b": ("vn", "vc"), "test/c": ("va", "rest")}
    for place, names in members.items():
        track = folder / place
        track.mkdir(parents=True)
        for name in names:
            tone = 0.2 * np.sin(2 * np.pi * pitches[name] * np.arange(2 * RATE) / RATE)
            soundfile.write(track / f"{name}.wav", tone, RATE, subtype="FLOAT")
    return folder


def test_each_group_of_tracks_and_each_system_is_scored(benchmark, dataset, tmp_path, capsys):
    quartet = ModelConfig(sources=("va", "vc", "vn", "db"), sample_rate=RATE, channels=1)
    told = ModelConfig(
        sources=("bn", "cl", "db", "fl", "hn", "ob", "sax", "tba", "tbn", "tpt", "va", "vc", "vn"),
        sample_rate=RATE,
        channels=1,
    )
    spectra = benchmark.spectra_of(tmp_path / "spectra.npz", dataset)
    models = {"echo": separator(ToldNetwork(told))}

    found = benchmark.embedded_ensemble.held_out(models, dataset, spectra, limit=None, full=False)

    means = found["means"]
    assert list(means) == ["all", "2 sources", "vc", "vn", "with another instrument in the room"]
    assert found["sources"]["all"] == 2
    assert means["all"]["mixture"] == pytest.approx((0.0, 0.0), abs=1e-3)
    assert means["all"]["mixture / n"] == pytest.approx((3.01, 0.0), abs=0.01)
    assert means["all"]["echo"] == pytest.approx(means["all"]["mixture"], abs=1e-3)
    # Tones far apart: their mean spectra alone tell them apart, but not what has no label.
    assert means["all"]["fixed filter"][0] > 30
    beside = means["with another instrument in the room"]
    assert beside["fixed filter"][0] == pytest.approx(0.0, abs=1e-3)
    assert beside["IRM"][0] > 30
    [(label, level)] = found["absent"]["echo"].values()
    assert label not in ("vn", "vc")
    assert level == pytest.approx(0.0, abs=1e-3)
    assert "| all | 2 |" in capsys.readouterr().out

    unconditioned = benchmark.embedded_ensemble.told(
        separator(ScalingNetwork(quartet, (0, 1, 2, 3)))
    )
    estimates = unconditioned(np.ones((1, 100), np.float32), ("vn", "vc"))
    assert {label: estimate.mean() for label, estimate in estimates.items()} == {"vn": 2, "vc": 1}


def test_estimates_under_the_wrong_labels_are_found(benchmark):
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 1, 500))
    stems = {"vn": one, "va": other}

    right = {"vn": one + 0.1 * other, "va": other + 0.1 * one}
    wrong = {"vn": right["va"], "va": right["vn"]}

    assert benchmark.embedded_ensemble.gain_of_swaps(stems, right) == 0
    assert benchmark.embedded_ensemble.gain_of_swaps(stems, wrong) > 20


def test_models_are_called_by_what_tells_them_apart(benchmark):
    assert benchmark.titles(["mini", "run/a.safetensors"]) == {
        "mini": "mini",
        "a": "run/a.safetensors",
    }
    assert set(benchmark.titles(["run1/a.safetensors", "run2/a.safetensors"])) == {
        "run1/a",
        "run2/a",
    }


def test_what_was_found_is_written_as_json(benchmark, tmp_path):
    benchmark.write_json(tmp_path / "found.json", {"a": (1.0, float("nan")), "b": {"c": "d"}})

    assert json.loads((tmp_path / "found.json").read_text()) == {"a": [1.0, None], "b": {"c": "d"}}
